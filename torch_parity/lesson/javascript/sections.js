// Every section's own module, by the section's name.

import * as backpropagation from "sections/backpropagation.js";
import * as convolution from "sections/convolution.js";
import * as crossEntropy from "sections/cross-entropy.js";
import * as dense from "sections/dense.js";
import * as descent from "sections/descent.js";
import * as pooling from "sections/pooling.js";
import * as relu from "sections/relu.js";

export const modules = { convolution, relu, pooling, dense, "cross-entropy": crossEntropy, backpropagation, descent };

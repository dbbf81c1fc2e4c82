// Every section's own module, by the section's name.

import * as convolution from "sections/convolution.js";
import * as cross_entropy from "sections/cross-entropy.js";
import * as dense from "sections/dense.js";

export const modules = { convolution, dense, "cross-entropy": cross_entropy };

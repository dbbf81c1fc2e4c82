// Every section's own module, by the section's name.

import * as backpropagation from "sections/backpropagation.js";
import * as convolution from "sections/convolution.js";
import * as descent from "sections/descent.js";

export const modules = { convolution, backpropagation, descent };

// Every section's own module, by the section's name.

import * as convolution from "sections/convolution.js";
import * as whole from "sections/whole.js";

export const modules = { convolution, whole };

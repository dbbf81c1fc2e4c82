// Every section's own module, by the section's name.

import * as convolution from "sections/convolution.js";

export const modules = { convolution };

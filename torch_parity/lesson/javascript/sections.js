// Every section's own module, by the section's name.

import * as convolution from "sections/convolution.js";
import * as deeper from "sections/deeper.js";
import * as filters from "sections/filters.js";
import * as image from "sections/image.js";

export const modules = { convolution, deeper, filters, image };

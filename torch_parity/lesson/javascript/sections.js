// Every section's own module, by the section's name.

import * as backpropagation from "sections/backpropagation.js";
import * as convolution from "sections/convolution.js";
import * as crossEntropy from "sections/cross-entropy.js";
import * as deeper from "sections/deeper.js";
import * as dense from "sections/dense.js";
import * as descent from "sections/descent.js";
import * as filters from "sections/filters.js";
import * as image from "sections/image.js";
import * as pooling from "sections/pooling.js";
import * as relu from "sections/relu.js";
import * as whole from "sections/whole.js";

export const modules = {
  image,
  convolution,
  relu,
  pooling,
  filters,
  dense,
  "cross-entropy": crossEntropy,
  backpropagation,
  descent,
  whole,
  deeper,
};

/** All kernels, by their names in the plan. This file and what it imports are loaded only when the backend starts. */

import { KERNELS as CONVOLUTION } from './convolution';
import { KERNELS as ELEMENTWISE } from './elementwise';
import { KERNELS as INDEXING } from './indexing';
import { KERNELS as MATMUL } from './matmul';
import type { KernelTable } from './operand';
import { KERNELS as POOLING } from './pooling';
import { KERNELS as REDUCTION } from './reduction';
import { KERNELS as RESIZE } from './resize';
import { KERNELS as SHAPE } from './shape';

export const KERNELS: KernelTable = {
  ...CONVOLUTION,
  ...ELEMENTWISE,
  ...INDEXING,
  ...MATMUL,
  ...POOLING,
  ...REDUCTION,
  ...RESIZE,
  ...SHAPE,
};

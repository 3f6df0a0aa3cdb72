/** Shapes whose sizes are known. */

export const product = (shape: readonly number[]): number => shape.reduce((total, size) => total * size, 1);

export const formatShape = (shape: readonly (number | string)[]): string => shape.join('×');

/** Shapes whose sizes are known. */

export const product = (shape: readonly number[]): number => shape.reduce((total, size) => total * size, 1);

export const formatShape = (shape: readonly (number | string)[]): string => shape.join('×');

/** `1.5 GiB`, of any number of bytes. */
export function formatBytes(bytes: number): string {
  const power = Math.min(3, Math.floor(Math.log2(bytes) / 10));
  return power > 0
    ? `${Number((bytes / 1024 ** power).toPrecision(3))} ${['', 'KiB', 'MiB', 'GiB'][power]}`
    : `${bytes} bytes`;
}

/** `WebDNN.Math`: the indices of the best values. */

interface View {
  toActual(): ArrayLike<number>;
}

function best(values: ArrayLike<number> | View, k: number, better: (a: number, b: number) => boolean): number[] {
  const array = 'toActual' in values ? values.toActual() : values;
  const found: number[] = [];
  for (let i = 0; i < array.length; i++) {
    const value = array[i]!;
    if (Number.isNaN(value) || (found.length === k && !better(value, array[found.at(-1)!]!))) continue;
    let place = found.length;
    while (place > 0 && better(value, array[found[place - 1]!]!)) place--;
    found.splice(place, 0, i);
    if (found.length > k) found.pop();
  }
  return found;
}

/** Indices of the `k` largest values, largest first; of equal values the first in the array comes first. NaN never wins. */
export const argmax = (values: ArrayLike<number> | View, k = 1): number[] => best(values, k, (a, b) => a > b);

/** Indices of the `k` smallest values, smallest first; otherwise as `argmax`. */
export const argmin = (values: ArrayLike<number> | View, k = 1): number[] => best(values, k, (a, b) => a < b);

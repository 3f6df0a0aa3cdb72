/* The kernel of the plugin for pages that run the fallback backend; call it before `load`. */
export function registerHaar(WebDNN) {
  WebDNN.registerKernel('haar', ([x], [low, high], args, { scale }) => {
    for (let row = 0; row < low.rows; row++) {
      for (let c = 0; c < low.columns; c++) {
        const at = x.offset + row * x.pitch + 2 * c;
        const [even, odd] = [x.data[at], x.data[at + 1]];
        low.data[low.offset + row * low.pitch + c] = (even + odd) * scale;
        high.data[high.offset + row * high.pitch + c] = (even - odd) * scale;
      }
    }
  });
}

import { describe, expect, it } from 'vitest';
import { Color, Order, getImageArray, setImageArrayToCanvas, type ImageOptions } from '../src/image';
import { rectangles } from '../src/image/options';
import { arrayToPixels, pixelsToArray } from '../src/image/pixels';

/** 2×1: (10, 20, 30, 40) and (50, 60, 70, 80). */
const PIXELS = { data: Uint8ClampedArray.of(10, 20, 30, 40, 50, 60, 70, 80), width: 2, height: 1 };
const grey = (r: number, g: number, b: number): number => 0.2126 * r + 0.7152 * g + 0.0722 * b;

describe('getImageArray', () => {
  it.each<[string, ImageOptions, number[]]>([
    ['RGB HWC by default', {}, [10, 20, 30, 50, 60, 70]],
    ['RGB CHW', { order: Order.CHW }, [10, 50, 20, 60, 30, 70]],
    ['BGR', { color: Color.BGR }, [30, 20, 10, 70, 60, 50]],
    ['RGBA', { color: Color.RGBA }, [10, 20, 30, 40, 50, 60, 70, 80]],
    ['BGRA CHW', { color: Color.BGRA, order: Order.CHW }, [30, 70, 20, 60, 10, 50, 40, 80]],
    ['GREY', { color: Color.GREY }, [grey(10, 20, 30), grey(50, 60, 70)]],
    ['one bias and scale', { bias: 10, scale: 2 }, [0, 5, 10, 20, 25, 30]],
    ['bias by channel of the array', { color: Color.BGR, bias: [30, 20, 10], scale: [1, 2, 4] }, [0, 0, 0, 40, 20, 10]],
  ])('%s', async (_, options, expected) => {
    expect(await getImageArray(PIXELS as ImageData, options)).toEqual(Float32Array.from(expected));
  });

  it.each<[ImageOptions, string]>([
    [{ color: 9 as never }, 'unknown color 9'],
    [{ bias: [1, 2] }, 'bias: got 2 numbers, want one or 3'],
    [{ scale: [1, 2, 3, 4] }, 'scale: got 4 numbers, want one or 3'],
  ])('%j is refused', async (options, message) => {
    await expect(getImageArray(PIXELS as ImageData, options)).rejects.toThrow(message);
  });

  it('explains what is not a picture', async () => {
    await expect(getImageArray('http://127.0.0.1:1/cat.png')).rejects.toMatchObject({ code: 'fetch' });
    await expect(getImageArray(new Blob(['x']))).rejects.toMatchObject({ code: 'image' });
    await expect(getImageArray({ files: [] } as unknown as HTMLInputElement)).rejects.toThrow('no file is chosen');
    for (const nothing of [undefined, null, 5]) {
      await expect(getImageArray(nothing as unknown as ImageData)).rejects.toThrow('no picture');
    }
    const broken = { src: '/cat.png', complete: false, decode: () => Promise.reject(new Error('broken')) };
    await expect(getImageArray(broken as unknown as ImageData)).rejects.toThrow('/cat.png: not loaded: broken');
    await expect(getImageArray({ ...PIXELS, width: 0 })).rejects.toThrow('empty, or not loaded');
  });
});

it('cuts out and resizes by default to what is left', () => {
  expect(rectangles({}, 8, 6)).toEqual({ src: [0, 0, 8, 6], dst: [0, 0, 8, 6] });
  expect(rectangles({ srcX: 2, srcY: 1, dstX: 5 }, 8, 6)).toEqual({ src: [2, 1, 6, 5], dst: [5, 0, 6, 5] });
  expect(rectangles({ srcW: 4, dstH: 3 }, 8, 6)).toEqual({ src: [0, 0, 4, 6], dst: [0, 0, 4, 3] });
});

describe('arrays back to pixels', () => {
  it.each(Object.values(Color).flatMap((color) => Object.values(Order).map((order) => [color, order] as const)))(
    'color %i, order %i is the inverse',
    (color, order) => {
      const channels = color === Color.GREY ? 1 : color < Color.GREY ? 3 : 4;
      const options = { color, order, bias: Array(channels).fill(7) as number[], scale: 3 };
      const array = pixelsToArray(PIXELS, options);
      expect(pixelsToArray(arrayToPixels(array, 2, 1, options), options)).toEqual(
        color === Color.GREY ? array.map((value) => (Math.round(value * 3 + 7) - 7) / 3) : array,
      );
    },
  );

  it('rounds, cuts off and is opaque', () => {
    expect([...arrayToPixels([-5, 300, 1.6, NaN, 0, 255], 1, 2, {}).data]).toEqual([0, 255, 2, 255, 0, 0, 255, 255]);
    expect([...arrayToPixels([0.5], 1, 1, { color: Color.GREY, scale: 100 }).data]).toEqual([50, 50, 50, 255]);
  });

  it('wants the right number of values', () => {
    expect(() => setImageArrayToCanvas([1, 2, 3], 1, 2, {} as HTMLCanvasElement)).toThrow(
      'got 3 values, want 6 (1×2, 3 channels)',
    );
  });
});

"""The test browser can do what the backends need; a failure here explains those of every other browser test."""

ASK_GPU = """async () => {
  const adapter = await navigator.gpu?.requestAdapter();
  const device = await adapter?.requestDevice();
  return { adapter: Boolean(adapter), device: Boolean(device), isolated: crossOriginIsolated };
}"""
ASK_WEBGL = """() => {
  const gl = document.createElement('canvas').getContext('webgl2');
  return { webgl2: Boolean(gl), floatTargets: Boolean(gl?.getExtension('EXT_color_buffer_float')) };
}"""


def test_webgpu(page, serve):
    page.goto(serve().url("/"))
    assert page.evaluate(ASK_GPU) == {"adapter": True, "device": True, "isolated": True}


def test_webgl2_renders_to_float_textures(page, serve):
    page.goto(serve().url("/"))
    assert page.evaluate(ASK_WEBGL) == {"webgl2": True, "floatTargets": True}


def test_page_without_isolation_headers(page, serve):
    page.goto(serve(isolated=False).url("/"))
    assert page.evaluate("crossOriginIsolated") is False

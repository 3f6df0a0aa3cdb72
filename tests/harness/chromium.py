"""Where Chromium is, and the flags that give it WebGPU and WebGL 2 on a machine without a GPU."""

from __future__ import annotations

import os
import shutil

# A page of this host is no secure context, as one of 127.0.0.1 is: no crypto.subtle, no SharedArrayBuffer, no WebGPU.
INSECURE_HOST = "insecure.test"
PLAIN_FLAGS = [
    f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1",
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
]
# WebGPU and WebGL both on SwiftShader, which computes on the CPU.
FLAGS = [
    *PLAIN_FLAGS,
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


def executable() -> str | None:
    """The Chromium to drive: $WEBDNN_CHROMIUM, or the one on the PATH. Playwright's own build is not used."""
    chosen = os.environ.get("WEBDNN_CHROMIUM")
    return chosen or shutil.which("chromium") or shutil.which("chromium-browser")

"""Headless Chromium: what a page looks like, and what its console says."""

import re
import shutil
import subprocess
from html import escape

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on the PATH")
#: The browser's own complaints about the machine, which are no errors of the page.
CONSOLE = re.compile(r"CONSOLE")


def chromium(page, *options, dark=False):
    """Run Chromium on a file; return its standard output, and the lines of the page's console."""
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--enable-logging=stderr", "--v=0", *scheme, *options, page.as_uri(),
        ],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    return done.stdout, [line for line in done.stderr.splitlines() if CONSOLE.search(line)]


def measured(folder, page, script, width, *, dark=False):
    """Return what a script measures in a page that is shown in a frame of some width [pixel].

    Args:
        folder: where the frame is written.
        page: text of the page.
        script: JavaScript expression; `page` is the document of the page, `view` its window.
        width: width of the frame.
        dark: whether the reader prefers a dark page.
    """
    frame = folder / f"frame_{width}.html"
    frame.write_text(
        f'<iframe width="{width}" height="800" style="border:0" srcdoc="{escape(page)}"></iframe>'
        "<pre id=found></pre><script>document.querySelector('iframe').onload = e => {"
        "const page = e.target.contentDocument, view = e.target.contentWindow;"
        f"document.getElementById('found').textContent = JSON.stringify({script});"
        "}</script>",
        encoding="utf-8",
    )
    out, console = chromium(frame, "--window-size=1600,1000", "--dump-dom", dark=dark)
    assert console == []
    return re.search(r'<pre id="found">(.*?)</pre>', out, re.DOTALL)[1]

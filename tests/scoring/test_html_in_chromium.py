"""The HTML report in a real browser: it runs, finds, sorts, and follows light and dark."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from attnasr_cli.app import main

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=3000",
]
SCTK = Path(__file__).parent / "sctk"
# Steps that a person would take; what each leads to is written into the title of the page.
STEPS = """
<script>
const seen = [];
const ids = () => [...document.querySelectorAll("#rows .head b")].map(node => node.textContent);
seen.push("rows", ids().length, "first", ids()[0]);
document.getElementById("next").click();
seen.push("more", ids().length);
document.getElementById("sort").value = "id";
document.getElementById("sort").onchange();
seen.push("sorted", ids()[0]);
document.getElementById("search").value = "s03-007";
document.getElementById("search").oninput();
seen.push("found", ids().join("+"));
document.getElementById("theme").click();
const once = getComputedStyle(document.body).backgroundColor;
document.getElementById("theme").click();
seen.push("themes", once !== getComputedStyle(document.body).backgroundColor);
seen.push("wide", document.documentElement.scrollWidth > innerWidth);
document.title = seen.join(" ");
</script>
</body>"""


def dump(page: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """The document as it is after its scripts have run."""
    own = [f"--user-data-dir={tmp_path}/user", "--window-size=500,900", "--dump-dom"]
    return subprocess.run(
        [str(CHROMIUM), *FLAGS, *own, page],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture
def browser(tmp_path: Path) -> None:
    """What is called Chromium may only tell how to install it, or not start where this runs."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    blank = tmp_path / "blank.html"
    blank.write_text("<title></title><script>document.title = 1 + 1</script>")
    done = dump(blank.as_uri(), tmp_path)
    if "<title>2</title>" not in done.stdout:
        pytest.skip(f"{CHROMIUM} does not start: {done.stderr[-300:]}")


@pytest.mark.slow
@pytest.mark.usefixtures("browser")
def test_the_report_works(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    inputs = [str(SCTK / name) for name in ("ref.trn", "hyp_a.trn")]
    against = ["--against", str(SCTK / "hyp_b.trn")]
    options = ["-q", "--by", "speaker", "-n", "lower,none", "-o", str(page)]
    code = main(["score", *inputs, *against, *options])
    assert code == 0
    page.write_text(page.read_text().replace("</body>", STEPS))
    done = dump(page.as_uri(), tmp_path)
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title, done.stderr[-500:]
    assert title.group(1) == (
        "rows 50 first s01-001 more 100 sorted s01-001 found s03-007 themes true wide false"
    )
    assert "24.00 %" in done.stdout  # the word error rate, drawn by the script
    assert "By speaker" in done.stdout

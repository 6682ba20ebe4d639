"""The example of docs/score.md runs and gives what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOC = Path(__file__).parents[2] / "docs" / "score.md"


def test_python_example(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOC.read_text(), re.DOTALL)
    exec(compile(code, str(DOC), "exec"), {})
    rates, row, problem = capsys.readouterr().out.strip().split("\n")
    assert re.match(r"0\.333\d+ 0\.0909\d+ 1$", rates)
    assert row.startswith("a CCS [('C', 'the', 'the')")
    assert problem.startswith("ref.tsv: no such file")

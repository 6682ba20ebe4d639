"""torchaudio, importable beside a CPU-only torch.

Its Linux wheels are built for CUDA, so that loading the compiled extension raises OSError where
torch has none. Everything used here is pure Python: an empty stand-in for the extension lets it
import. Everything else imports torchaudio from this module.
"""

from __future__ import annotations

import sys
import types


def _import() -> types.ModuleType:
    try:
        import torchaudio
    except OSError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
        extension = types.ModuleType("torchaudio._extension")

        def fail_if_no_align(function: object) -> object:
            return function

        extension.__dict__.update(
            _IS_TORCHAUDIO_EXT_AVAILABLE=False,
            _IS_ALIGN_AVAILABLE=False,
            fail_if_no_align=fail_if_no_align,
        )
        sys.modules["torchaudio._extension"] = extension
        import torchaudio
    import torchaudio.functional
    import torchaudio.transforms

    module: types.ModuleType = torchaudio
    return module


torchaudio = _import()

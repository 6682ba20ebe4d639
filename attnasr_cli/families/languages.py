"""Languages by code and name, in the order of Whisper's tokens, which depend on it."""

from __future__ import annotations

import difflib

from attnasr_cli.errors import UsageError

_TABLE = """
en:english zh:chinese de:german es:spanish ru:russian ko:korean fr:french ja:japanese
pt:portuguese tr:turkish pl:polish ca:catalan nl:dutch ar:arabic sv:swedish it:italian
id:indonesian hi:hindi fi:finnish vi:vietnamese he:hebrew uk:ukrainian el:greek ms:malay
cs:czech ro:romanian da:danish hu:hungarian ta:tamil no:norwegian th:thai ur:urdu hr:croatian
bg:bulgarian lt:lithuanian la:latin mi:maori ml:malayalam cy:welsh sk:slovak te:telugu
fa:persian lv:latvian bn:bengali sr:serbian az:azerbaijani sl:slovenian kn:kannada et:estonian
mk:macedonian br:breton eu:basque is:icelandic hy:armenian ne:nepali mn:mongolian bs:bosnian
kk:kazakh sq:albanian sw:swahili gl:galician mr:marathi pa:punjabi si:sinhala km:khmer sn:shona
yo:yoruba so:somali af:afrikaans oc:occitan ka:georgian be:belarusian tg:tajik sd:sindhi
gu:gujarati am:amharic yi:yiddish lo:lao uz:uzbek fo:faroese ht:haitian_creole ps:pashto
tk:turkmen nn:nynorsk mt:maltese sa:sanskrit lb:luxembourgish my:myanmar bo:tibetan tl:tagalog
mg:malagasy as:assamese tt:tatar haw:hawaiian ln:lingala ha:hausa ba:bashkir jw:javanese
su:sundanese yue:cantonese
"""

NAMES: dict[str, str] = dict(pair.replace("_", " ").split(":") for pair in _TABLE.split())
"""code → English name, lower case; "yue" came with the 100th token (large-v3)"""

ALIASES = {
    "burmese": "my",
    "valencian": "ca",
    "flemish": "nl",
    "haitian": "ht",
    "letzeburgesch": "lb",
    "pushto": "ps",
    "panjabi": "pa",
    "moldavian": "ro",
    "moldovan": "ro",
    "sinhalese": "si",
    "castilian": "es",
    "mandarin": "zh",
}
"""other names → code"""

SPACELESS = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""written without spaces between words"""


def language_code(language: str) -> str:
    """A code or an English name, in any case → the code. Raises UsageError."""
    wanted = language.strip().lower()
    if wanted in NAMES:
        return wanted
    codes = {name: code for code, name in NAMES.items()} | ALIASES
    if wanted in codes:
        return codes[wanted]
    near = difflib.get_close_matches(wanted, [*codes, *NAMES], n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "give a code like en, de, zh or a name"
    raise UsageError(f"unknown language {language!r}", hint)

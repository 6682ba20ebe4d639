"""Language tags of sound tracks: two letters, three letters (ISO 639-2 has two codes for some)."""

from __future__ import annotations

TABLE = (
    "af afr, am amh, ar ara, as asm, az aze, ba bak, be bel, bg bul, bn ben, bo bod tib, br bre, "
    "bs bos, ca cat, cs ces cze, cy cym wel, da dan, de deu ger, el ell gre, en eng, es spa, "
    "et est, eu eus baq, fa fas per, fi fin, fo fao, fr fra fre, ga gle, gl glg, gu guj, ha hau, "
    "he heb, hi hin, hr hrv scr, ht hat, hu hun, hy hye arm, id ind, is isl ice, it ita, ja jpn, "
    "jv jav, ka kat geo, kk kaz, km khm, kn kan, ko kor, la lat, lb ltz, ln lin, lo lao, lt lit, "
    "lv lav, mg mlg, mi mri mao, mk mkd mac, ml mal, mn mon, mr mar, ms msa may, mt mlt, "
    "my mya bur, ne nep, nl nld dut, nn nno, no nor nb nob, oc oci, pa pan, pl pol, ps pus, "
    "pt por, ro ron rum, ru rus, sa san, sd snd, si sin, sk slk slo, sl slv, sn sna, so som, "
    "sq sqi alb, sr srp scc, su sun, sv swe, sw swa, ta tam, te tel, tg tgk, th tha, tk tuk, "
    "tl tgl fil, tr tur, tt tat, uk ukr, ur urd, uz uzb, vi vie, yi yid, yo yor, zh zho chi cmn"
)
_CODES = {code: row.split()[0] for row in TABLE.split(", ") for code in row.split()}


def same_language(one: str, other: str) -> bool:
    """Whether two tags such as ``eng`` and ``en-US`` mean the same language."""
    return bool(one) and _code(one) == _code(other)


def _code(tag: str) -> str:
    base = tag.replace("_", "-").partition("-")[0].casefold()
    return _CODES.get(base, base)

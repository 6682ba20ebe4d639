"""The cost of splitting a text between two words, for lines and subtitles: low after a sentence,
high between an article and its noun."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from attnasr_cli.families.base import Word

SENTENCE = 0.0
CLAUSE = 0.15
BEFORE_CONJUNCTION = 0.25  # before "and", "because", "which"
BEFORE_PREPOSITION = 0.4  # before "of", "with"
PLAIN = 0.6
AFTER_BOUND = 1.0  # after "the", "of", "my": what follows belongs to it
NEVER = 1e3
ENDS_OF_SENTENCES = (".", "?", "!", "…", "。", "？", "！", "؟", "۔", "।")
ENDS_OF_CLAUSES = (",", ";", ":", "–", "—", "、", "，", "；", "：", "،", "؛")
CLOSING = "\"'”’»)]}」』】〉》）］｝"
OPENING = "\"'“‘«([{「『【〈《（［｛¿¡"
# Kinsoku: what may not begin a line in Japanese and Chinese.
NOT_FIRST = set("、。，．・：；？！ー々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ…‥") | set(
    CLOSING[7:]
)
TITLES = frozenset("mr. mrs. ms. dr. prof. st. sr. sra. hr. fr. m. mme. vs. nr. z.b.".split())  # noqa: SIM905

# Conjunctions and relative pronouns | prepositions.
_JOINERS = {
    "en": "and or but nor so yet because although though while when where which who that if than "
    "as | of in on at by for from with without into onto to over under after before since until "
    "about between through during against",
    "de": "und oder aber denn sondern weil dass daß obwohl während wenn wo der die das welche als "
    "wie | von in im an am auf bei für mit ohne zu zum zur über unter nach vor seit bis aus durch",
    "fr": "et ou mais donc car que qui quand où parce comme si | de du des à au aux dans sur sous "
    "pour par avec sans chez entre vers depuis pendant après avant contre",
    "es": "y e o u pero sino porque aunque que quien cuando donde como si | de del a al en con sin "
    "por para sobre entre hasta desde hacia contra tras",
    "it": "e ed o ma però perché che chi quando dove come se | di del della da dal in nel nella su "
    "sul con senza per tra fra verso dopo prima contro",
    "pt": "e ou mas porque que quem quando onde como se | de do da em no na com sem por para sobre "
    "entre até desde contra após",
    "nl": "en of maar want omdat dat die wie waar toen als dan | van in op aan bij voor met zonder "
    "naar over onder na tot uit door tegen",
    "ru": "и или но а что чтобы который когда где если как потому хотя | в во на с со из к ко от "
    "до по за под над при для без через между",
}
_BOUND = {
    "en": "the a an my your his her its our their this these those no every each some any very of "
    "in on at by for from with to into and or but if as than i we you he she they is are was were "
    "be been am will would can could should may might must do does did have has had not mr mrs dr",
    "de": "der die das den dem des ein eine einen einem einer mein dein sein ihr unser kein jeder "
    "diese dieser sehr von in im an am auf bei für mit zu zum zur über und oder aber ich du er sie "
    "wir es ist sind war waren nicht hat haben wird werden kann",
    "fr": "le la les l' un une des du de d' mon ma mes ton ta tes son sa ses notre votre leur ce "
    "cette ces chaque très à au aux dans sur pour par avec et ou mais je tu il elle on nous vous "
    "ils elles est sont était a ont ne n' qu' que se s'",
    "es": "el la los las un una unos unas mi tu su mis tus sus este esta estos muy cada de del a "
    "al en con por para y o pero que no se me te le lo es son era está ha han yo",
    "it": "il lo la i gli le un uno una l' mio mia tuo suo questo questa molto ogni di del della a "
    "al alla da in nel con per e o ma che non si mi ti ci è sono era ha hanno io",
    "pt": "o a os as um uma uns umas meu minha seu sua este esta muito cada de do da em no na com "
    "por para e ou mas que não se me é são era está tem eu",
    "nl": "de het een mijn jouw zijn haar ons hun deze dit die elke zeer van in op aan bij voor "
    "met te en of maar ik je hij zij we is was waren niet heeft hebben wordt kan",
    "ru": "и или но а не ни в во на с со из к ко от до по за под при для без мой твой его её наш "
    "этот эта это очень я ты он она мы вы они",
}
CONJUNCTIONS = {
    language: frozenset(text.partition("|")[0].split()) for language, text in _JOINERS.items()
}
PREPOSITIONS = {
    language: frozenset(text.partition("|")[2].split()) for language, text in _JOINERS.items()
}
BOUND = {language: frozenset(text.split()) for language, text in _BOUND.items()}


def width(text: str) -> int:
    """The width of a text in columns: East Asian wide characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def badness(before: Word, after: Word, language: str | None) -> float:
    """The cost of splitting a text between two words: 0 after a sentence, NEVER inside a word."""
    left, right = before.word.strip(), after.word.strip()
    if not left or not right:
        return PLAIN
    if not after.word[:1].isspace() and not _spaceless(left[-1]) and not _spaceless(right[0]):
        return NEVER  # two parts of one word
    if right[0] in NOT_FIRST or left[-1] in OPENING[2:]:
        return NEVER
    if ends_sentence(before):
        return SENTENCE
    bare = left.rstrip(CLOSING)
    if bare.endswith(ENDS_OF_CLAUSES):
        return CLAUSE
    if language == "ja" and _spaceless(left[-1]) and _spaceless(right[0]):
        return _japanese(left[-1], right[0])
    return _between(_bare(left), _bare(right), language) if language in BOUND else PLAIN


def _between(left: str, right: str, language: str) -> float:
    """The cost by the words themselves, in lower case and without punctuation."""
    conjunctions, prepositions = CONJUNCTIONS[language], PREPOSITIONS[language]
    joins = right in conjunctions or right in prepositions
    if left in BOUND[language]:
        pronoun = left not in conjunctions and left not in prepositions
        return PLAIN if joins and pronoun else AFTER_BOUND
    if right in conjunctions:
        return BEFORE_CONJUNCTION
    return BEFORE_PREPOSITION if right in prepositions else PLAIN


def _japanese(left: str, right: str) -> float:
    """The cost between two characters: a phrase begins where its hiragana ends, with a kanji, a
    katakana or a bracket; particles and endings, in hiragana, belong to what is before them."""
    if right in OPENING:
        return CLAUSE
    if _is_hiragana(left) and not _is_hiragana(right):
        return BEFORE_PREPOSITION
    return AFTER_BOUND


def _is_hiragana(character: str) -> bool:
    return "\u3041" <= character <= "\u309f"


def ends_sentence(word: Word) -> bool:
    """Whether a sentence ends with this word."""
    text = word.word.strip().rstrip(CLOSING)
    return text.endswith(ENDS_OF_SENTENCES) and text.lower() not in TITLES


def stranding(words: Sequence[Word]) -> list[float]:
    """For each place between two words, how much a split there leaves the first or the last words
    of a sentence beside another sentence, as in ``… a monster. That | as I …``: 1 for one word,
    1/2 for two."""
    ends = [ends_sentence(word) for word in words]
    result: list[float] = []
    for i in range(len(words) - 1):
        if ends[i]:
            result.append(0.0)
        elif ends[i + 1] or any(ends[max(i - 1, 0) : i]):
            result.append(1.0)
        else:
            result.append(0.5 if any(ends[i + 2 : i + 3] + ends[max(i - 2, 0) : i]) else 0.0)
    return result


def _bare(word: str) -> str:
    return word.strip(OPENING + CLOSING).lower()


def _spaceless(character: str) -> bool:
    from attnasr_cli.families.words import is_spaceless

    return is_spaceless(character) or unicodedata.east_asian_width(character) in "WF"

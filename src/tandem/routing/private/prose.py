"""Whose life a text is about: the public's, as in the news, an encyclopedia or a novel, or that of somebody at hand.

A full name in a report of a football match is in the papers already. A text is published prose where it speaks of what
only such prose speaks of, in more ways than it speaks of the writer's own affairs.
"""

import re
from typing import Final

from tandem.routing.private.page import WORD, Page
from tandem.routing.private.words import words

_PUBLIC: Final = frozenset(
    words(
        # screen, stage, music, books
        "film films filmed movie movies novel novels actor actors actress actresses singer singers album albums song "
        "songs soundtrack episode episodes sitcom sequel prequel screenplay starring hollywood oscar emmy grammy "
        "broadway premiere plot protagonist villain novelist playwright poet poets poem poems literature opera operas "
        "symphony orchestra ballet painter sculptor composer guitarist drummer rapper paparazzi celebrity celebrities "
        "biography biographer fans bbc mtv fiction fictional fictitious roleplay novella storyline trivia portrayed "
        "portrays story character characters universe galaxy alien aliens zombie zombies ghost monster magician "
        "whispered muttered gasped wizard wizards vampire vampires detective superhero superheroes nickname monologue "
        "narrator "
        "filmu filmie filmem filmy filmów filmowy filmowa filmowe filmowej serial serialu serialach powieść powieści "
        "powieścią literatura literatury literacki album albumu albumie piosenka piosenki piosenkę piosenek opera "
        "opery operze wiersz wiersze poeta poety poetów muzyk muzyka muzyków muzyczny muzycznej zespołu rockowy "
        "singel singla teatr teatru teatrze obrazu obrazów malarstwa dramat dramatu bohater bohatera bohaterowie "
        # play
        "championship championships league midfielder striker goalkeeper quarterback footballer cricketer batsman "
        "football soccer rugby cricket tennis baseball basketball hockey olympic olympics tournament playoffs "
        "medal medals wicket wickets innings squad "
        "mecz meczu mecze meczach sezon sezonu sezonie ligi lidze liga ligowy klubu klubie piłkarz piłkarza piłkarski "
        "bramkarz trener trenera medal medale medalu turniej turnieju olimpijski olimpijskich "
        # state and news
        "president senator senators sen minister ministers mps congressman congress parliament parliamentary election "
        "elections republican republicans democrat democrats democratic coalition presidency presidential governor "
        "news newspaper newspapers journalist journalists columnist lawmakers fbi cia fugitive extradition "
        "billionaire spokesman spokeswoman reporters reuters cnn militants rebels embassy troops nato pentagon sheriff "
        "prezydent prezydenta prezydentem premier premiera premierem minister ministra senat senatu sejm sejmu poseł "
        "posła posłowie wybory wyborów wyborach wyborczy kandydat partii partia rząd rządu rządem koalicji "
        # history, thought
        "king queen emperor empress empire dynasty kingdom duke revolution revolutionary treaty army armies navy "
        "battle colonel war wars medieval century centuries philosopher philosophers philosophical philosophy "
        "theologian bishop pope saint monk prophet historian historians archaeologist "
        "król króla królem królowi królowa cesarz cesarza cesarstwa książę księcia wojna wojny wojnie wojną wojsk "
        "wojska armii armia bitwa bitwy bitwie powstania stulecia filozof filozofa filozofii filozoficzny teologii "
        "papież papieża biskup biskupa święty świętego zakonu klasztoru kościoła historyk historyków republiki "
        "cesarski królewski królestwa"
    )
)
_PUBLIC_STEMS: Final = frozenset(words("reżys aktor kompo śpiew senat olimp mistr telew rzeźb pisar noblo"))
"""The first five letters of Polish words in all their cases."""
_PRIVATE: Final = frozenset(
    words(
        "patient "
        "patients client clients employee invoice contract salary diagnosis diagnosed prescribed mg regards sincerely "
        "dear tenant landlord neighbour neighbor colleague boss hr applicant résumé resume complaint customer "
        "pacjent pacjenta pacjentka pacjentki klient klienta klientka klientki pracownik pracownika faktura faktury "
        "umowa umowy umowę wynagrodzenie wynagrodzenia diagnoza diagnozy wypowiedzenie zwolnienie zwolnienia "
        "reklamacja reklamacji pozdrawiam szanowny szanowna szanowni sąsiad sąsiada sąsiadka szef szefa kolega "
        "koleżanka najemca wniosek podanie zamówienie"
    )
)
_YEAR_LONG_AGO: Final = re.compile(r"\b1(?:[0-8][0-9]{2}|9[0-3][0-9])\b")
_ROLE: Final = re.compile(
    r"(?:\b(?:president|prime minister|minister|senators?|sens?\.|reps?\.|congress(?:man|woman)|gov\.|governor|king|"
    r"queen|emperor|pope|saint|st\.|general|gen\.|colonel|lieutenant|admiral|actors?|actress|singer|rapper|director|"
    r"composer|novelist|poet|playwright|painter|philosopher|footballer|midfielder|striker|goalkeeper|quarterback|"
    r"spokes(?:man|woman)|starring|directed by|written by|played by|produced by|by author|style of|"
    r"prezydent(?:a|em|owi)?|premier(?:a|em|owi)?|ministr?(?:er|a|em)?|marsza\u0142(?:ek|ka)|kr\u00f3l(?:a|em)?|"
    r"cesarz(?:a)?|papie\u017c(?:a)?|\u015bwi\u0119t(?:y|ego|a|ej)|genera\u0142(?:a|em)?|gen\.|p\u0142k|"
    r"aktor(?:a|em|ka|ki|k\u0105)?|re\u017cyser(?:a|em|ka|i\u0105)?|re\u017cyserii|kompozytor(?:a|em)?|"
    r"pisarz(?:a|em)?|pisark\w|poet[aya]|malarz(?:a|em)?|filozof(?:a|em)?|piosenkark\w|pi\u0142karz(?:a|em)?|"
    r"trener(?:a|em)?|w stylu)|\bin the words of)[ \u00a0]\Z"
)
_COMPANY_ROLE: Final = re.compile(r"\b(?:my|our|vice|company|managing|executive|medical|sales|general)[ -]\w+ \Z")
_SAID: Final = re.compile(
    r"[\"\u201d,] (?:said|says|added|told)\b|\bsaid (?:mr|mrs|ms|dr|the|in a statement)\b"
    r"|\b(?:told|tells) (?:the )?(?:bbc|cnn|court|jury|reporters|associated|ap|afp|reuters|press)\b"
)
_SAYING: Final = frozenset(words("said says added told tells"))
_QUOTED: Final = re.compile(r"\"[^\"\n]{1,600}\"|\u201c[^\u201d\n]{1,600}\u201d|\u201e[^\u201d\n]{1,600}\u201d")
_FIRST_PERSON: Final = frozenset(
    words("my our ours mój moja moje mojego mojej mojemu moim moją nasz nasza nasze naszego naszej naszym mnie")
)
_CAST: Final = re.compile(r"[^\W\d_] \([A-Z][^\W\d_]+ [A-Z][^\W\d_]+\)")
_REACH: Final = 32
_LEAST: Final = 2
_OTHER_SIGNS: Final = 3
"""Beside public words: a year long ago, a cast in brackets, reported speech."""
_WORTH: Final = 2
"""How many public words one private word outweighs."""


def is_published(page: Page) -> bool:
    """Whether the text is of the kind that is printed: reports, encyclopedias, plots."""
    told = page.words
    public = len(told & _PUBLIC) + len({word[:5] for word in told} & _PUBLIC_STEMS)
    needed = max(_LEAST, _WORTH * _private_words(page, told) + 1)
    if not needed - _OTHER_SIGNS <= public < needed:
        return public >= needed
    public += page.has_many_digits and _YEAR_LONG_AGO.search(page.text) is not None
    public += "(" in page.text and _CAST.search(page.text) is not None
    public += not _SAYING.isdisjoint(told) and _SAID.search(page.lower) is not None
    return public >= needed


def _private_words(page: Page, told: frozenset[str]) -> int:
    """How many words of the writer's own affairs; what is said between quotation marks is not the writer's."""
    spoken = told & _FIRST_PERSON
    if spoken:
        spoken = spoken.intersection(WORD.findall(_QUOTED.sub(" ", page.lower)))
    return len(told & _PRIVATE) + len(spoken)


def has_public_role(text: str, start: int) -> bool:
    """Whether the words in front of a name say that its bearer is in public life."""
    near = text[max(0, start - _REACH) : start].lower()
    return _ROLE.search(near) is not None and _COMPANY_ROLE.search(near) is None

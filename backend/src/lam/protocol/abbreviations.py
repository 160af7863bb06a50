"""Words whose dot may not be the end of a sentence, for `sentences`, in lower case. The page's copy is generated from here.

A list knows no language: a word stands here only if it is an abbreviation wherever it is written with a dot.
"""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What comes next belongs to them: a name, a number, an explanation.
NEVER_LAST: Final = _words("""
    mr mrs ms messrs dr drs prof profs rev hon gen col capt lt sgt cmdr gov sen pres mt vs cf viz approx e.g i.e
    hr fr frl ca bzw evtl ggf inkl exkl vgl sog dipl geb gest z.b d.h s.o s.u i.d.r u.u
    mme mlle mgr me p.ex c-à-d env
    sra srta dña dra ud uds vd vds p.ej ej ee
    им проф акад ул пер просп см ср т.е т.к т.н напр тыс
    डॉ प्रो श्री पं कृ पू
    ود وأ وم
    αρ κ.λ
""")

# They may be last; then a capital letter, or a script without capitals, comes next.
LAST_BEFORE_A_CAPITAL: Final = _words("""
    etc usw ff u.s.w u.a o.ä u.ä al
    т.д т.п др пр руб коп гг вв н.э
    κ.λπ κλπ
""")

# They may be last; then one of the words that begin sentences comes next.
LAST_BEFORE_A_BEGINNING: Final = _words("""
    inc ltd co corp bros jr sr st ave blvd rd dept univ est uu s.a
""")

# Abbreviations where a number comes next, else words.
BEFORE_A_NUMBER: Final = _words("""
    no nos nr nrn p pp fig figs vol vols ch sec eq eqs art abs abb kap bd ed op ex max min tel
    jan feb mar apr jun jul aug sep sept oct nov dec
    núm pág págs
    стр рис гл табл г
    सं पृ
""")

# Words that often begin sentences.
BEGINNINGS: Final = _words("""
    a an the this that these those there he she it we you they i my our your his her its their in on at for from to with by as if
    when while after before but and or so yet however what who why how where no yes not one some all many most
    der die das ein eine es er sie wir ich ihr dies diese dieser im am bei aber und oder doch wenn als man
    le la les un une il elle on nous vous ils elles ce cette ces je mais et en dans pour
    el los las una unos es este esta pero y si yo
    это он она мы вы они я в на но и по как если когда
""")

# A number with a dot before one of them is a day of the month.
MONTHS: Final = _words("""
    januar jänner februar märz april mai juni juli august september oktober november dezember
""")

# A number with a dot behind one of them is an ordinal.
BEFORE_AN_ORDINAL: Final = _words("""
    am der den dem des die das im vom zum zur beim ab bis und jeder jede jedes
""")

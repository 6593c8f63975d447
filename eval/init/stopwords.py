"""English words that say nothing about a paper; in other languages rarity alone has to tell them."""

from __future__ import annotations

STOPWORDS = frozenset(
    """
    able about above above-mentioned according across addition additional additionally after again against allow
    allows almost along already also although always among another approach around assume assumed assumes based
    because been before being below between both called cannot case cases come comes compute computed computing
    consider considered considering corresponding corresponds could define defined demonstrate demonstrated denote
    denotes describe described describes different discussed does doing down during each either enough equation
    equations even every example examples expression figure finally find findings first following follows form
    found from further furthermore given have having hence here however important included includes including
    indicate indicated indicates instance into introduce introduced itself just known less like likely little made make
    makes many method methods might more moreover most much must namely near nearly need needed neither never next
    none note number obtain obtained often once only onto order other others ours over own paper particular
    particularly perhaps possible present presented presents provide provided provides quite rather regarding
    related represent represents require required requires respectively result results same second section several
    shall should shown shows similar similarly simply since some specific study such suggest suggests table term
    terms than thanks that their them then there thereby therefore these they thing this those though three
    through thus together type types under unless until upon used uses using usually value values various very
    well were what when where whereas whether which while whom whose will with within without work would write
    written your
    """.split()  # noqa: SIM905
)
"""Lower case, four letters or more: shorter words are never asked with."""

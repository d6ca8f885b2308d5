"""Questions that programs ask a terminal, and a terminal's own answers. Pure.

Every terminal that sees a question answers it, as if somebody had typed: what is replayed holds none, and only the
driver's answers reach the program.

Source: ECMA-48 8.3; xterm, "XTerm Control Sequences" (ctlseqs); terminal-wg, "OSC 8", "OSC 52" and kitty's keyboard
protocol for what is not there.
"""

from __future__ import annotations

import re

_QUESTIONS = re.compile(
    rb"""\x1b(?:
      \[(?:
          [>=?]? 0? c                                  # DA1, DA2, DA3
        | \??[\d;]* n                                  # DSR
        | \??[\d;]* \$ p                               # DECRQM
        | > 0? q                                       # XTVERSION
        | [01]? x                                      # DECREQTPARM
        | (?:1[1-9]|2[01]) (?:;\d*)* t                 # what size, state and title the window has
        | \? u                                         # keyboard flags
        | [\d;]* \* y                                  # DECRQCRA
        | [\d;]* \$ w                                  # DECRQPSR
        | [\d;]* & u                                   # DECRQUPSS
        | [\d;]* \# [SR]                               # XTREPORTSGR, XTREPORTCOLORS
      )
    | Z                                                # DECID
    | \](?:
          (?:[45]|1[0-9]|2[12]) ; [^\x07\x1b]* \? [^\x07\x1b]*   # colours
        | (?:52|9|99|777|1337|5522) ; [^\x07\x1b]*               # the clipboard and notes are not repeated either
      ) (?:\x07|\x1b\\)
    | P (?: \$q | \+[qQ] ) [^\x1b]* \x1b\\             # DECRQSS, XTGETTCAP
    | _ G [^\x1b]* a=q [^\x1b]* \x1b\\                 # kitty's pictures
    )
    | \x05                                             # ENQ""",
    re.VERBOSE,
)
_ANSWERS = re.compile(
    rb"""(?:\x1b(?:
      \[(?:
          [?>=] [\d;]* c                               # device attributes
        | \?? \d+ ; \d+ (?:;\d+)? R                    # where the cursor is; a function key with modifiers looks alike
        | \?? \d [\d;]* n                              # status
        | \?? \d+ ; \d+ \$ y                           # modes
        | \d+ (?:;\d+)+ t                              # the window
        | \? \d+ u                                     # keyboard flags
        | [23] (?:;\d+)* x                             # parameters
        | [IO]                                         # got focus, lost it
      )
    | \] (?:[45]|1[0-9]|52|[lL]) ;? [^\x07\x1b]* (?:\x07|\x1b\\)
    | P (?: !\| | >\| | [01]\$r | [01]\+r | \d!~ | \d\$u ) [^\x1b]* \x1b\\
    | _ G [^\x1b]* \x1b\\
    ))+""",
    re.VERBOSE,
)


def without_questions(output: bytes) -> bytes:
    """The output as it may be shown once more: nothing in it is answered, copied or rung."""
    return _QUESTIONS.sub(b"", output)


def with_questions_blank(output: bytes) -> bytes:
    """The same, as long as before: in place of the questions stand zero bytes, which terminals ignore."""
    return _QUESTIONS.sub(lambda found: bytes(len(found[0])), output)


def is_answer(typed: bytes) -> bool:
    """Whether a terminal said this by itself and nobody typed it."""
    return typed.startswith(b"\x1b") and _ANSWERS.fullmatch(typed) is not None

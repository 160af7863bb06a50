"""How much one import, one session and one message may hold. Values only."""

from typing import Final

FILE_BYTES: Final = 256 << 20  # of a file, packed or not
UNPACKED_BYTES: Final = 512 << 20  # of the conversations in an archive
MOST_ENTRIES: Final = 200_000  # of an archive: an export with pictures has tens of thousands
MOST_FILES: Final = 1000  # files with conversations in an archive
MOST_NODES: Final = 200_000  # of one conversation's tree, before replies in pieces are joined
MOST_JOINED: Final = 100_000  # pieces of all replies of a session, repeated ones counted again
MOST_PIECES: Final = 2000  # of one reply
MOST_MESSAGES: Final = 20_000
LONGEST_MESSAGE: Final = 1_000_000
MOST_CHARACTERS: Final = 12_000_000  # of one session: replies in pieces that branch are repeated in each branch
LONGEST_TITLE: Final = 200
LONGEST_PROMPT: Final = 100_000
MEMORY_BYTES: Final = 3 << 30
SECONDS: Final = 300
LINE_BYTES: Final = 96 << 20  # of one converted session

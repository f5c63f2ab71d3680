"""A 512-entry SentencePiece-style BPE: control tokens, 256 byte tokens, characters, then merges.

A merge's score is minus its rank, so a reader that always joins the best-scored pair (llama.cpp, the
TypeScript engine, this file) gives the same ids.
"""

import collections
import re

VOCAB_SIZE = 512
SPACE = "\u2581"
ROLES = ["<|user|>", "<|assistant|>", "<|end|>"]
CONTROL = ["<unk>", "<s>", "</s>", *ROLES]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
BOS_ID = 1
UNKNOWN_ID = 0

_ROLE = re.compile("|".join(map(re.escape, ROLES)))
_ROLE_KEPT = re.compile("(" + "|".join(map(re.escape, ROLES)) + ")")
_WORD = re.compile(f"{SPACE}[^{SPACE}]*")


def words_of(text):
    """Splits text into words that each begin with the space mark; the text gets one in front."""
    return _WORD.findall(SPACE + text.replace(" ", SPACE))


class Tokenizer:
    def __init__(self, vocabulary, learned_from):
        self.vocabulary = vocabulary
        self.ids = {token: index for index, token in enumerate(vocabulary)}
        learned = len(vocabulary) - learned_from
        self.scores = [0.0] * learned_from + [-float(rank) for rank in range(learned)]
        self.learned_from = learned_from
        self._cache = {}

    def _encode_word(self, word):
        if word in self._cache:
            return self._cache[word]
        pieces = list(word)
        while True:
            best = None
            for at in range(len(pieces) - 1):
                joined = self.ids.get(pieces[at] + pieces[at + 1])
                if joined is not None and (best is None or self.scores[joined] > best[0]):
                    best = (self.scores[joined], at)
            if best is None:
                break
            at = best[1]
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
        ids = []
        for piece in pieces:
            if piece in self.ids:
                ids.append(self.ids[piece])
            else:
                ids += [self.ids[f"<0x{byte:02X}>"] for byte in piece.encode()]
        self._cache[word] = ids
        return ids

    def encode(self, document):
        """Ids of a training document; role marks become their own tokens."""
        ids = []
        for segment in _ROLE_KEPT.split(document):
            if segment in ROLES:
                ids.append(self.ids[segment])
            elif segment:
                for word in words_of(segment):
                    ids += self._encode_word(word)
        return ids


def learn(documents):
    """Merges the most frequent neighbouring pair until the vocabulary is full; ties by text."""
    counts = collections.Counter()
    for text in documents:
        for segment in _ROLE.split(text):
            if segment:
                counts.update(words_of(segment))
    base = CONTROL + BYTES
    vocabulary = base + sorted({char for word in counts for char in word})
    split = {word: list(word) for word in counts}
    while len(vocabulary) < VOCAB_SIZE:
        pairs = collections.Counter()
        for word, pieces in split.items():
            for pair in zip(pieces, pieces[1:]):
                pairs[pair] += counts[word]
        pair = max(pairs.items(), key=lambda item: (item[1], item[0]))[0]
        vocabulary.append("".join(pair))
        for word, pieces in split.items():
            split[word] = _merge(pieces, pair)
    return Tokenizer(vocabulary, len(base))


def _merge(pieces, pair):
    merged, at = [], 0
    while at < len(pieces):
        if tuple(pieces[at : at + 2]) == pair:
            merged.append("".join(pair))
            at += 2
        else:
            merged.append(pieces[at])
            at += 1
    return merged

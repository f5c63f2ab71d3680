"""Trains the demonstration model: python3 train.py [minutes] [output.gguf]

Needs numpy and PyTorch, and only to rebuild the file: neither users nor the tests need Python.
The shipped file came from `train.py 7` on two CPU cores (585 steps, 2.2 M tokens, loss 0.32).
Corpus, vocabulary and initial weights are fixed by seeds; the number of steps depends on the machine,
because the budget is time, so a new run gives another file of the same quality.
"""

import math
import sys
import time

import numpy
import torch
from torch.nn import functional

import gguf
from corpus import corpus
from model import CONTEXT, Model
from tokenizer import BOS_ID, learn

TORCH_SEED = 1
BATCH_SEED = 1
DOCUMENTS = 60_000
TOKENIZER_DOCUMENTS = 6_000
BATCH = 24
PEAK_RATE = 3e-3
WARMUP_STEPS = 40
REPORT_STEPS = 100


def learning_rate(step, done):
    """Linear warm-up, then a cosine down to 5 % of the peak; `done` is the share of the time used."""
    warm = min(1, (step + 1) / WARMUP_STEPS)
    return PEAK_RATE * warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


def train(model, ids, minutes):
    batches = numpy.random.default_rng(BATCH_SEED)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.95), weight_decay=0.05
    )
    start, step = time.monotonic(), 0
    while (done := (time.monotonic() - start) / 60 / minutes) <= 1:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, done)
        starts = batches.integers(0, len(ids) - CONTEXT - 1, BATCH)
        rows = torch.from_numpy(numpy.stack([ids[at : at + CONTEXT + 1] for at in starts]))
        logits = model(rows[:, :-1])
        loss = functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % REPORT_STEPS == 0:
            print(f"step {step} loss {loss.item():.3f} {100 * done:.0f} %", flush=True)
    print(f"{step} steps, {step * BATCH * CONTEXT} tokens, loss {loss.item():.3f}")


def main(minutes=7.0, path="tiny-demo.gguf"):
    torch.manual_seed(TORCH_SEED)
    documents = corpus(DOCUMENTS)
    tokenizer = learn(documents[:TOKENIZER_DOCUMENTS])
    ids = numpy.array(
        [token for text in documents for token in [BOS_ID, *tokenizer.encode(text)]],
        dtype=numpy.int64,
    )
    model = Model(len(tokenizer.vocabulary))
    print(f"{len(ids)} tokens, {sum(p.numel() for p in model.parameters())} parameters")
    train(model, ids, minutes)
    print(f"{path}: {gguf.write(path, model, tokenizer)} bytes")


if __name__ == "__main__":
    main(*([float(sys.argv[1])] if len(sys.argv) > 1 else []), *sys.argv[2:3])

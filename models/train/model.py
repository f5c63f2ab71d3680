"""A Llama-architecture transformer, small enough to read at one sitting (869,504 parameters)."""

import math

import torch
from torch import nn
from torch.nn import functional

WIDTH = 128
LAYERS = 4
HEADS = 4
FEED_FORWARD = 352
CONTEXT = 160
NORM_EPSILON = 1e-5
ROPE_BASE = 10000.0
HEAD_WIDTH = WIDTH // HEADS


class RmsNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + NORM_EPSILON) * self.weight


def rotary_tables():
    frequencies = 1 / (ROPE_BASE ** (torch.arange(0, HEAD_WIDTH, 2).float() / HEAD_WIDTH))
    angles = torch.outer(torch.arange(CONTEXT).float(), frequencies)
    return angles.cos(), angles.sin()


def rotate(x, cos, sin):
    """Interleaved pairs (2i, 2i+1), as llama.cpp's `llama` architecture expects."""
    length = x.shape[2]
    even, odd = x[..., 0::2], x[..., 1::2]
    cos, sin = cos[:length], sin[:length]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)


def linear(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn_norm, self.ffn_norm = RmsNorm(), RmsNorm()
        self.attn_q, self.attn_k = linear(WIDTH, WIDTH), linear(WIDTH, WIDTH)
        self.attn_v, self.attn_output = linear(WIDTH, WIDTH), linear(WIDTH, WIDTH)
        self.ffn_gate, self.ffn_up = linear(WIDTH, FEED_FORWARD), linear(WIDTH, FEED_FORWARD)
        self.ffn_down = linear(FEED_FORWARD, WIDTH)

    def forward(self, x, mask, rotary):
        batch, length, _ = x.shape
        h = self.attn_norm(x)

        def heads(y):
            return y.view(batch, length, HEADS, HEAD_WIDTH).transpose(1, 2)

        query = rotate(heads(self.attn_q(h)), *rotary)
        key = rotate(heads(self.attn_k(h)), *rotary)
        value = heads(self.attn_v(h))
        scores = (query @ key.transpose(-1, -2)) / math.sqrt(HEAD_WIDTH) + mask[:length, :length]
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, WIDTH)
        x = x + self.attn_output(mixed)
        h = self.ffn_norm(x)
        return x + self.ffn_down(functional.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Model(nn.Module):
    """Input and output embeddings are tied."""

    def __init__(self, vocabulary_size):
        super().__init__()
        self.token_embd = nn.Embedding(vocabulary_size, WIDTH)
        self.blk = nn.ModuleList(Block() for _ in range(LAYERS))
        self.output_norm = RmsNorm()
        self.mask = torch.full((CONTEXT, CONTEXT), float("-inf")).triu(1)
        self.rotary = rotary_tables()
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, 0, 0.02)

    def forward(self, ids):
        x = self.token_embd(ids)
        for block in self.blk:
            x = block(x, self.mask, self.rotary)
        return self.output_norm(x) @ self.token_embd.weight.T

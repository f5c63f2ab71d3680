"""Writes the model as GGUF v3: f16 matrices, f32 norms, SentencePiece vocabulary, chat template.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct

import model as shape
from tokenizer import BOS_ID, UNKNOWN_ID

U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
TENSOR_F32, TENSOR_F16 = 0, 1
ALIGNMENT = 32
TOKEN_NORMAL, TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_BYTE = 1, 2, 3, 6

CHAT_TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'user' %}<|user|>{{ m['content'] }}"
    "{% elif m['role'] == 'assistant' %}<|assistant|>{{ m['content'] }}<|end|>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

SCALAR = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}


def string(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(kind, item):
    return string(item) if kind == STRING else struct.pack(SCALAR[kind], item)


def entry(key, kind, item):
    return string(key) + struct.pack("<I", kind) + value(kind, item)


def array(key, kind, items):
    head = string(key) + struct.pack("<IIQ", ARRAY, kind, len(items))
    return head + b"".join(value(kind, item) for item in items)


def metadata(tokenizer):
    types = [TOKEN_UNKNOWN] + [TOKEN_CONTROL] * 5 + [TOKEN_BYTE] * 256
    types += [TOKEN_NORMAL] * (len(tokenizer.vocabulary) - len(types))
    sizes = [
        ("context_length", shape.CONTEXT),
        ("embedding_length", shape.WIDTH),
        ("block_count", shape.LAYERS),
        ("feed_forward_length", shape.FEED_FORWARD),
        ("attention.head_count", shape.HEADS),
        ("attention.head_count_kv", shape.HEADS),
        ("rope.dimension_count", shape.HEAD_WIDTH),
        ("vocab_size", len(tokenizer.vocabulary)),
    ]
    return [
        entry("general.architecture", STRING, "llama"),
        entry("general.name", STRING, "tiny-demo"),
        entry("general.file_type", U32, 1),
        *(entry(f"llama.{key}", U32, size) for key, size in sizes),
        entry("llama.attention.layer_norm_rms_epsilon", F32, shape.NORM_EPSILON),
        entry("llama.rope.freq_base", F32, shape.ROPE_BASE),
        entry("tokenizer.ggml.model", STRING, "llama"),
        array("tokenizer.ggml.tokens", STRING, tokenizer.vocabulary),
        array("tokenizer.ggml.scores", F32, tokenizer.scores),
        array("tokenizer.ggml.token_type", I32, types),
        entry("tokenizer.ggml.bos_token_id", U32, BOS_ID),
        entry("tokenizer.ggml.eos_token_id", U32, tokenizer.ids["<|end|>"]),
        entry("tokenizer.ggml.unknown_token_id", U32, UNKNOWN_ID),
        entry("tokenizer.ggml.add_bos_token", BOOL, True),
        entry("tokenizer.ggml.add_space_prefix", BOOL, True),
        entry("tokenizer.chat_template", STRING, CHAT_TEMPLATE),
    ]


def padding(length):
    return b"\0" * (-length % ALIGNMENT)


def write(path, model, tokenizer):
    """Writes the file and returns its size in bytes."""
    entries = metadata(tokenizer)
    infos, data = b"", b""
    tensors = list(model.named_parameters())
    for name, parameter in tensors:
        values = parameter.detach().numpy()
        is_vector = values.ndim == 1
        data += padding(len(data))
        infos += string(name) + struct.pack("<I", values.ndim)
        infos += b"".join(struct.pack("<Q", size) for size in reversed(values.shape))
        infos += struct.pack("<IQ", TENSOR_F32 if is_vector else TENSOR_F16, len(data))
        data += values.astype("<f4" if is_vector else "<f2").tobytes()
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)) + b"".join(entries) + infos
    with open(path, "wb") as file:
        file.write(head + padding(len(head)) + data)
    return len(head) + len(padding(len(head))) + len(data)

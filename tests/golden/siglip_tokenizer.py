"""Token ids of SigLIP's tokenizers by transformers and open_clip, for tests/golden_siglip.rs.

    python siglip_tokenizer.py OUT CAPTIONS [TEXTS ...]

Two small vocabularies are trained on CAPTIONS (a CSV file with a `caption` column, `.gz` or not; the fixtures' are COCO's,
CC BY 4.0) in the form of the published ones: OUT/siglip, a SentencePiece unigram model with its NFKC rules, as SigLIP has
it, and OUT/siglip2, byte-pair encoding with bytes for unknown letters, as Gemma and SigLIP 2 have it. OUT/golden.jsonl holds
texts and ids, without the padding that fills each row up to 64:

- `siglip`: transformers' SiglipTokenizer, on the SentencePiece model itself,
- `siglip2`: transformers' Siglip2Tokenizer,
- `open_clip`, `open_clip2`: open_clip's HFTokenizer with clean="canonicalize" on either.

Without TEXTS the strings of tokenizer.py are used: that is the committed fixture. With them (files as for tokenizer.py) the
existing vocabularies in OUT are used, and the ignored test reads OUT through CLIP_MODEL_SIGLIP_GOLDEN. Texts that ftfy takes
for mojibake have no ids of open_clip's: that part of the clean-up is not implemented.
Made with open_clip 3.3.0, transformers 5.24.0, sentencepiece 0.2, tokenizers 0.23.3.
"""

import json
import random
import sys
from pathlib import Path

import ftfy
import sentencepiece
from open_clip.tokenizer import HFTokenizer
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AddedToken, Siglip2Tokenizer, SiglipTokenizer

from tokenizer import HARD, read, sentences

CONTEXT = 64
TEXTS = [
    "a dog on the beach", "Two MEN in a park!", "caf\u00e9 &amp; cr\u00e8me br\u00fbl\u00e9e", "\U0001f600 smile",
    "it's   what_they'll   say", "\u4e00\u53ea\u732b", "the sun sets over the mountains and the sea behind it " * 6,
]


def save(tokenizer: Tokenizer, folder: Path, settings: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def train_siglip(captions: list[str], out: Path) -> None:
    """A SentencePiece model, and its `tokenizer.json` as transformers' SpmConverter makes it for T5."""
    folder = out / "siglip"
    folder.mkdir(parents=True, exist_ok=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(captions), model_prefix=str(folder / "spiece"), vocab_size=600, model_type="unigram",
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, normalization_rule_name="nmt_nfkc", num_threads=1)
    (folder / "spiece.vocab").unlink()
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString((folder / "spiece.model").read_bytes())
    tokenizer = Tokenizer(models.Unigram([(piece.piece, piece.score) for piece in model.pieces], 2, False))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap),
        normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "\u2581")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("\u2581", prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace("\u2581", prepend_scheme="first")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=["$A", "</s>"], pair=["$A", "</s>", "$B", "</s>"], special_tokens=[("</s>", 1)])
    special = [AddedToken(token, normalized=False, special=True, lstrip=True, rstrip=True) for token in ("</s>", "<unk>")]
    tokenizer.add_special_tokens(special)
    save(tokenizer, folder, dict(
        tokenizer_class="T5TokenizerFast", model_max_length=CONTEXT, eos_token="</s>", pad_token="</s>",
        unk_token="<unk>", extra_ids=0))


def train_siglip2(captions: list[str], out: Path) -> None:
    """Byte-pair encoding in the form of Gemma's `tokenizer.json`."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    alphabet = [f"<0x{byte:02X}>" for byte in range(256)]
    lower = [caption.lower() for caption in captions]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    # Trained on words, since the pre-tokenizer never splits what the normaliser made of spaces.
    words = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    words.pre_tokenizer = pre_tokenizers.Metaspace("\u2581", prepend_scheme="never")
    words.train_from_iterator(lower, trainers.BpeTrainer(
        vocab_size=700, special_tokens=special + alphabet, show_progress=False, limit_alphabet=60))
    model = json.loads(words.to_str())["model"]
    tokenizer.model = models.BPE(
        model["vocab"], [tuple(merge) for merge in model["merges"]], unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing(single=["$A", "<eos>"], pair=["$A", "<eos>", "$B", "<eos>"],
                                                             special_tokens=[("<eos>", 1)])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    save(tokenizer, out / "siglip2", dict(
        tokenizer_class="GemmaTokenizer", model_max_length=CONTEXT, add_bos_token=False, add_eos_token=True,
        do_lower_case=True, padding_side="right", bos_token="<bos>", eos_token="<eos>", pad_token="<pad>",
        unk_token="<unk>", mask_token="<mask>"))


def encode(tokenizer, text: str) -> list[int]:
    return tokenizer(text, padding="max_length", max_length=CONTEXT, truncation=True)["input_ids"]


def references(out: Path) -> dict:
    siglip = SiglipTokenizer(str(out / "siglip" / "spiece.model"))
    siglip2 = Siglip2Tokenizer.from_pretrained(str(out / "siglip2"), padding_side="right")
    open_clip, open_clip2 = (
        HFTokenizer(str(out / name), context_length=CONTEXT, clean="canonicalize") for name in ("siglip", "siglip2"))
    return dict(
        siglip=lambda text: encode(siglip, text),
        siglip2=lambda text: encode(siglip2, text),
        open_clip=lambda text: open_clip(text)[0].tolist(),
        open_clip2=lambda text: open_clip2(text)[0].tolist(),
    )


PADDING = dict(siglip=1, siglip2=0, open_clip=1, open_clip2=0)


def main(out: str, captions: str, *files: str) -> None:
    out = Path(out)
    texts = [text for path in files for text in read(path)]
    if not files:
        rng = random.Random(7)
        training = rng.sample(list(read(captions)), 4000)
        train_siglip(training, out)
        train_siglip2(training, out)
        # Those of siglip.py are looked up by it.
        texts = HARD + TEXTS + list(sentences(rng)) + ["a dog </s> runs", "<pad> dog", "\u2581a \u2581 dog", "<EOS>", "a<eos>b"]
    tokenizers = references(out)
    with (out / "golden.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        for text in texts:
            mojibake = ftfy.fix_text(text) != ftfy.fix_text(text, fix_encoding=False)
            row = dict(text=text)
            for name, tokenizer in tokenizers.items():
                if mojibake and name.startswith("open_clip"):
                    continue
                ids = tokenizer(text)
                assert len(ids) == CONTEXT, (name, text)
                while len(ids) > 1 and ids[-1] == ids[-2] == PADDING[name]:
                    ids.pop()
                row[name] = ids
            file.write(json.dumps(row) + "\n")
    print(f"{len(texts)} texts")


if __name__ == "__main__":
    main(*sys.argv[1:])

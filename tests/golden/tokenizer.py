"""Token ids by open_clip's SimpleTokenizer and transformers' BertTokenizer, for tests/golden_inputs.rs.

    python tokenizer.py VOCAB.txt OUT [TEXTS ...]

VOCAB.txt is BERT's uncased vocabulary (one token a line), as all-MiniLM-L6-v2 and others have it. Without TEXTS the
strings below are used and OUT/vocab.txt gets only the tokens that they need, some others, and the special ones: that
is the committed fixture. TEXTS are files with a text a line (tabs separate texts, too) or CSV files with a `caption`
column, `.gz` or not, for a larger comparison: the ignored test reads OUT through CLIP_MODEL_TOKENIZER_GOLDEN.

Texts that ftfy takes for mojibake are left out and counted: that part of the clean-up is not implemented.
Made with open_clip 3.3.0, ftfy 6.3.1, transformers 5.23.0.
"""

import csv
import gzip
import json
import os
import random
import sys

import ftfy
import open_clip.tokenizer
from transformers import BertTokenizer

HARD = [
    "", "  ", "\u0009\u000a", "a", "A dog", "A DOG RUNNING ON A BEACH", "a photo of a cat.",
    "it's a dog's life, they'll've I'd we're I'm can't", "DOG'S 'S 'LL 'RE 'VE", "'''s''", "o'clock rock'n'roll",
    "don\u2019t \u2018quote\u2019 \u201cdouble\u201d \u201dx\u201c", "fish &amp; chips", "fish &amp;amp; chips",
    "&lt;b&gt;bold&lt;/b&gt;", "<b>R&amp;B</b>", "<br/>line&nbsp;break", "AT&T", "&eacute;t&eacute;", "P&EACUTE;REZ",
    "&notit; &notin;", "&#39;quoted&#39;", "&#x1F600; &#128512;", "&#0;&#x80;&#150;", "&hearts;&rarr;&copy;",
    "&unknown; &;", "&amp", "100% cotton & wool", "caf\u00e9 na\u00efve Zo\u00eb fa\u00e7ade",
    "CAF\u00c9 NA\u00cfVE ZO\u00cb FA\u00c7ADE", "cafe\u0301 nai\u0308ve", "e\u0301\u0323 q\u0307\u0323",
    "\u00c5ngstr\u00f6m \u00c5re \u00d8re \u00e6ther \u0153uvre \u00df STRASSE \u1e9e",
    "\u0130stanbul ISTANBUL \u0131spanak", "\u038c\u03a3\u039f\u03a3 \u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3",
    "\u017dlu\u0165ou\u010dk\u00fd k\u016f\u0148", "der Hund l\u00e4uft \u00fcber die Stra\u00dfe",
    "un ch\u00e2teau \u00e0 la fran\u00e7aise", "\u017b\u00f3\u0142\u0107 g\u0119\u015bl\u0105 ja\u017a\u0144",
    "\u041c\u043e\u0441\u043a\u0432\u0430 \u0441\u043e\u0431\u0430\u043a\u0430",
    "\u0441\u043e\u0431\u0430\u043a\u0430 \u0431\u0435\u0436\u0438\u0442", "\u72ac\u304c\u8d70\u308b",
    "\u5317\u4eac\u7684\u72d7", "\u6771\u4eac\u30bf\u30ef\u30fc", "\u30ab\u30bf\u30ab\u30ca \u3072\u3089\u304c\u306a",
    "\ud55c\uad6d\uc5b4 \uac15\uc544\uc9c0", "\u0643\u0644\u0628 \u064a\u0631\u0643\u0636",
    "\u05db\u05dc\u05d1 \u05e8\u05e5",
    "\u0915\u0941\u0924\u094d\u0924\u093e \u0926\u094c\u0921\u093c \u0930\u0939\u093e \u0939\u0948",
    "\u0e2b\u0e21\u0e32\u0e27\u0e34\u0e48\u0e07", "\u1f00\u03c1\u03c7\u03ae", "\U0001f600",
    "\U0001f600\U0001f603 dog \U0001f436", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 family",
    "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", "\U0001f44d\U0001f3fd", "\u2764\ufe0f love \u2764",
    "\u2600\ufe0f\u2601\u2602", "\u2116 5 \u2122 \u00ae \u00a9", "\u00bd cup \u00bc \u2153 \u00b2\u00b3 x\u00b2",
    "\u2460\u2461\u2462 \u2167 \u2177", "\u24b6 \u24d1", "\ufb01sh \ufb02ower o\ufb03ce \ufb06op",
    "\u0133s \u01c4 \u0149", "\uff26\uff35\uff2c\uff2c\u3000\uff37\uff29\uff24\uff34\uff28\u3000\uff11\uff12\uff13",
    "\uff76\uff80\uff76\uff85 \uff8a\uff9f", "\u2026ellipsis\u2013dash\u2014em\u2010hyphen\u2011nb",
    "a\u00a0b\u2003c\u3000d\u200be", "zero\u200bwidth\u200djoin\u200c", "soft\u00adhyphen", "bom\ufeffinside",
    "rtl\u200f mark\u202e", "a\u0000b\u0001c\u001fd\u007f", "\u0080\u0085\u0091x\u0092\u009f",
    "\u001b[31mred\u001b[0m", "line\u000d\u000abreak\u000dold\u2028sep\u2029par",
    "tab\u0009separated\u000bvt\u000cff", "a\u001cb\u001dc", "\ufffd replacement", "\ue000 private",
    "\U000e0067\U000e007f tags", "\U0001d4d3\U0001d4de\U0001d4d6", "\u017fpecial \u017ft '\u017f",
    "\u0345 \u03b1\u0345", "a" * 50, "a" * 99, "a" * 100, "a" * 101, "a" * 3000, "ab" * 200, "\u00e9" * 120,
    "dog " * 100, "dogs, " * 60, "word" * 40 + " tail", "1234567890", "3.14159 1,000,000", "2024-01-01", "10:30am",
    "C++ C# F# .NET", "http://example.com/a?b=c&d=e", "user@example.com", "@name #hashtag", "file_name-1.jpg",
    "IMG_20240101.JPG", "snake_case camelCase", "a/b\\c|d", "(parens) [brackets] {braces}", "!!!???...", "!'s ?'ll",
    "$5 \u20ac5 \u00a35 \u00a55", "50\u00b0C -5\u00b0", "<start_of_text> dog <end_of_text>",
    "<|startoftext|> dog <|endoftext|>", "!<end_of_text>", "<END_OF_TEXT>", "[CLS] dog [SEP]",
    "[MASK] [mask] [UNK][PAD]", "a[MASK]b", "[MASK", "##ing ##", "[unused1]", "antidisestablishmentarianism",
    "pneumonoultramicroscopicsilicovolcanoconiosis", "supercalifragilisticexpialidocious",
    "Donaudampfschifffahrtsgesellschaftskapit\u00e4n", "xyzzyqwrtp", "qzx", "mother-in-law", "T-shirt t-shirts",
    "U.S.A. e.g. i.e.", "rock & roll", "  leading and trailing  ", "multiple   spaces    inside",
    "\u000a\u000anew\u000a\u000alines\u000a", "MiXeD CaSe", "ALLCAPS", "a b c d e f g", "don't", "dont", "I'LL",
    "y'all'd've", "l'\u00e9t\u00e9", "d'\u00e9t\u00e9", "aujourd'hui", "\u00bfQu\u00e9? \u00a1Hola!",
    "S\u00e3o Paulo", "\u0110\u00e0 N\u1eb5ng Vi\u1ec7t Nam", "Nguy\u1ec5n", "\u00de\u00f3r \u00f0",
    "\u0141\u00d3D\u0179", "\u01c5ungla", "\u02bbokina \u02bcapos", "x\u0338 \u2260", "a\u0300\u0301\u0302\u0303",
    "\u1100\u1161\u11a8 \uac01", "\uac00\u11a8", "\u0915\u094d\u0937", "\u0958", "\ufdfa", "\ufb00", "K \u00c5",
    "\u00b5 \u03bc", "\u03a9 \u03a9", "\u2070\u00b9 \u2082", "\u2026", "'", "''", "\"", "-", "--", "_", "__init__",
    "~`^", "*bold* **x**", "a\\nb", "\\", "&", "&&", "&#", "&#x;", "&#99999999;", "&#xD800;", "&amp;#39;",
    "&amp;amp;lt;", "&lt;&lt;", "< &amp; >", "&nbsp;&nbsp;x", "&frac12;", "&FRAC12;", "&Auml; &AUML; &auml",
    "&ouml;l", "x&lty", "R&D", "Q&A", "Tom&Jerry;", "&NewLine;x&Tab;y", "&zwj;&shy;x", "&#8217;s", "it&#8217;s",
    "it&rsquo;s", "it&apos;s", "sch\u00c3\u00b6n mojibake", "\u00e2\u20ac\u0153quoted\u00e2\u20ac\u009d",
    "caf\u00c3\u00a9", "\u00c3\u0192\u00c2\u00a9", "voil\u00c3  le", "L\u2019\u00e9picerie", "\u00c3",
    "\u00c3 la carte", "\u00c2\u00a92020", "\u00c2", "na\u00c3\u00afve",
]


def sentences(rng):
    who = "a dog|two dogs|a little girl|an old man|three people|the skier|a woman in a red coat|my aunt's cat|nobody"
    does = "runs|is jumping|sits quietly|plays the guitar|can't be seen|laughs|climbs up|rides a bicycle|sleeps"
    where = "on a beach|in the snow|under the bridge|at night|near the lake|next to a bus|in front of 3 houses|indoors"
    ends = ["", ".", "!", " .", "...", ", again", " (photo)", " #2"]
    for _ in range(110):
        text = " ".join(rng.choice(part.split("|")) for part in (who, does, where)) + rng.choice(ends)
        yield rng.choice([text, text, text.capitalize(), text.title(), text.upper()])


def read(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        if ".csv" in path:
            yield from (row["caption"] for row in csv.DictReader(file))
        else:
            for line in file:
                yield from line.rstrip("\r\n").split("\t")


def main(vocabulary, out, *files):
    texts = [text for path in files for text in read(path)]
    rng = random.Random(7)
    if not files:
        texts = HARD + list(sentences(rng))
    plain = [t for t in texts if ftfy.fix_text(t) == ftfy.fix_text(t, fix_encoding=False)]
    print(f"{len(texts) - len(plain)} of {len(texts)} texts left out as mojibake")

    os.makedirs(out, exist_ok=True)
    reduced = os.path.join(out, "vocab.txt")
    bert = BertTokenizer(vocabulary)
    tokens = sorted(bert.get_vocab(), key=bert.get_vocab().get)
    if not files:
        keep = {token for text in plain for token in bert.convert_ids_to_tokens(bert(text)["input_ids"])}
        keep |= {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"} | set(rng.sample(tokens, 500))
        tokens = [token for token in tokens if token in keep]
    with open(reduced, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(token + "\n" for token in tokens)

    clip, bert = open_clip.tokenizer.SimpleTokenizer(), BertTokenizer(reduced)
    with open(os.path.join(out, "golden.jsonl"), "w", encoding="utf-8", newline="\n") as file:
        for text in plain:
            row = [id for id in clip(text)[0].tolist()]
            # Padding is 0, which is also the id of "!": cut at the end token, behind which nothing but padding is.
            end = len(row) - 1 - row[::-1].index(clip.eot_token_id)
            pieces = bert(text, truncation=True, max_length=64)["input_ids"]
            file.write(json.dumps({"text": text, "clip": row[: end + 1], "wordpiece": pieces}) + "\n")
    print(f"{len(plain)} texts, {len(tokens)} tokens in the vocabulary")


if __name__ == "__main__":
    main(*sys.argv[1:])

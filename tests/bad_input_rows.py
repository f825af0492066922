"""The bad inputs of :mod:`tests.bad_inputs`; a new one is one line in its table."""

import json
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
BASE = (
    f"--config={ROOT}/configs/experiments/synthetic_pair.yaml",
    f"--config={ROOT}/tests/data/tiny_pair.yaml",
)


@dataclass(frozen=True)
class Row:
    """One bad input.

    Attributes:
        name: Kind and number.
        words: Words after ``saesim``; ``{folder}`` is where inputs lie and files would be left.
        says: What the message must hold.
    """

    name: str
    words: tuple[str, ...]
    says: tuple[str, ...]

    def words_in(self, folder: Path) -> list[str]:
        """The words, for inputs that lie in ``folder``."""
        return [word.replace("{folder}", str(folder)) for word in self.words]


def of_options(kind: str, table: list[tuple[str, str]], command: str = "fit") -> list[Row]:
    """Rows of options typed after the tiny experiment; a message holds the words between the ``|``."""
    runs = "--trainer.logger.save_dir={folder}/runs"
    return [
        Row(f"{kind} {i}", (command, *BASE, runs, *options.split(" ")), tuple(says.split("|")))
        for i, (options, says) in enumerate(table)
    ]


def of_files(kind: str, table: list[tuple[str | bytes, str]]) -> list[Row]:
    """Rows of files laid over the tiny experiment; :func:`prepare` writes them."""
    rows = []
    for i, (content, says) in enumerate(table):
        name = f"{kind}{i}.yaml".replace(" ", "_")
        _FILES[name] = content.encode() if isinstance(content, str) else content
        words = ("fit", *BASE, "--trainer.logger.save_dir={folder}/runs", "--config={folder}/" + name)
        rows.append(Row(f"{kind} {i}", words, (name, *filter(None, says.split("|")))))
    return rows


_FILES: dict[str, bytes] = {}


def prepare(folder: Path) -> None:
    """Write the files that rows name."""
    from tests.bad_checkpoints import write_checkpoints

    for name, content in _FILES.items():
        (folder / name).write_bytes(content)
    write_checkpoints(folder)
    (folder / "cache").mkdir()
    (folder / "cache" / "manifest.json").write_text(json.dumps({"format": "another"}))
    (folder / "empty").mkdir()
    (folder / "no_text.txt").write_bytes(b"\xff\xfe\x00 text")


_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdef", "bcdefg", strict=True)
)

YAML = of_files(
    "yaml",
    [
        ("", "is empty"),
        ("# nothing but this\n", "is empty"),
        ("- a\n- b\n", "must hold keys and values"),
        ("just a text", "must hold keys and values"),
        ("7", "must hold keys and values"),
        ("null", "is empty"),
        ("trainer: {max_epochs: 1\n", ":2"),
        ("trainer:\n\tmax_epochs: 1\n", ":2|'\\t'"),
        ("trainer: [1, 2\nmodel: 3\n", "expected"),
        ("a: b: c\n", ":1"),
        ('"unfinished\n', "unexpected end"),
        ("trainer: *nowhere\n", "nowhere"),
        ("x: !!python/object/apply:os.system ['touch PWNED']\n", "tag|python/object/apply:os.system"),
        ("x: !!python/name:os.system\n", "tag"),
        ("x: !own {a: 1}\n", "!own"),
        ("x: !!set {a, b}\n", "tag|set"),
        ("x: !!binary aGVsbG8=\n", "tag|binary"),
        (b"trainer: {max_epochs: 1}\n# caf\xe9\n", "UTF-8"),
        (b"\x00\x01\x02\x03", ""),
        (bytes(range(256)), ""),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "UTF-8"),
        (_BOMB, "aliases of aliases"),
        ("a: &a [*a]\n", "repeats"),
        ("[" * 3000, "nested too deeply"),
        ("trainer: {max_epochs: 1}\ntrainer: {max_epochs: 2}\n", ":2|'trainer' is given twice"),
        ("trainer:\n  max_epochs: 1\n  max_epochs: 2\n", ":3|'max_epochs' is given twice|:2"),
        ("model: {init_args: {saes: {a: {init_args: {d_sae: 4, d_sae: 5}}}}}\n", "'d_sae' is given twice"),
        ("true: 1\n", "a key must be a name|True"),
        ("[1, 2]: 3\n", "key"),
        ("null: 3\n", "a key must be a name"),
        ("config: [nowhere.yaml]\n", ":1|nowhere.yaml"),
        ("config: 7\n", ""),
        ("config: [7]\n", "config lists files"),
        ("config: [yaml33.yaml]\n", "lists itself"),
        ("config: [empty]\n", "empty"),
        ("trainr: {max_epochs: 1}\n", ":1|'trainr'|did you mean 'trainer'"),
        ("trainer: {max_epoch: 1}\n", ":1|'max_epoch'|did you mean 'max_epochs'"),
        ("trainer: 3\n", "trainer|3"),
        ("trainer: [1]\n", "trainer"),
        ("trainer: null\n", "trainer"),
        ("\n\ndata:\n  init_args:\n    batchsize: 4\n", ":5|data.batchsize|did you mean 'batch_size'"),
        ("data: {init_args: {d_in: 3.5}}\n", ":1|data.d_in|whole number|3.5"),
        ("data: {init_args: {d_in: '32'}}\n", "data.d_in|'32'"),
        ("data: {init_args: {n_features: 0}}\n", ":1|data.n_features|0"),
        ("data: {init_args: {noise_std: .nan}}\n", "data.noise_std|nan"),
        ("data: {init_args: {seed: -1}}\n", "data.seed|-1"),
        ("data: {init_args: 3}\n", "data|init_args|3"),
        ("data: {init_args: {directions: {class_path: os.system}}}\n", "data.directions|os.system"),
        ("data: {class_path: SyntheticActivation}\n", "did you mean 'SyntheticActivations'"),
        (
            "model: {init_args: {saes: {a: {init_args: {d_sea: 4}}}}}\n",
            ":1|saes.a.d_sea|did you mean 'd_sae'",
        ),
        ("model: {init_args: {saes: {c: {class_path: saesim_pl.saes.TopKSAE}}}}\n", "saes.c|needs d_sae"),
        ("model: {init_args: {saes: {a: {class_path: subprocess.Popen}}}}\n", "saes.a|subprocess.Popen"),
        ("model: {init_args: {saes: {a: builtins.eval}}}\n", "saes.a|builtins.eval"),
        ("model: {init_args: {saes: {a: null, b: null}}}\n", "saes"),
        ("model: {init_args: {saes: []}}\n", "model.saes|[]"),
        ("model: {init_args: {lr: fast}}\n", "model.lr|'fast'"),
        (
            "model: {init_args: {defaults: {l1_coefficent: 1}}}\n",
            "l1_coefficent|did you mean 'l1_coefficient'",
        ),
        ("model: {init_args: {streams: {a: 4}}}\n", "streams come from the data"),
        ("trainer: {callbacks+: [{class_path: os.system}]}\n", ":1|callbacks|os.system"),
        ("trainer: {callbacks+: [7]}\n", "callbacks|7"),
        (
            "trainer: {callbacks+: [{class_path: AuxK, init_args: {coefficient: .nan}}]}\n",
            "nan",
        ),
        (
            "trainer: {callbacks+: [{class_path: saesim_pl.callbacks.AuxK, init_args: {k_aux: 0}}]}\n",
            "k_aux|0",
        ),
        ("trainer: {callbacks+: [{class_path: saesim_pl.callbacks.Anneal}]}\n", "Anneal needs setting"),
        ("trainer: {logger: {class_path: TensorBordLogger}}\n", "did you mean 'TensorBoardLogger'"),
    ],
)

NUMBERS = of_options(
    "number",
    [
        ("--data.d_in=0", "--data.d_in|0"),
        ("--data.d_in=wide", "--data.d_in|'wide'"),
        ("--data.d_in=-1", "--data.d_in|-1"),
        ("--data.d_in=1e3", "--data.d_in"),
        ("--data.d_in=.nan", "--data.d_in|nan"),
        ("--data.d_in=null", "--data.d_in|null"),
        ("--data.n_features=0", "--data.n_features|0"),
        ("--data.mean_active=0", "--data.mean_active|0"),
        ("--data.mean_active=.nan", "--data.mean_active|nan"),
        ("--data.mean_active=1e9", "mean_active"),
        ("--data.mean_active=-3", "mean_active|-3"),
        ("--data.noise_std=-1", "--data.noise_std|-1"),
        ("--data.noise_std=.inf", "--data.noise_std|inf"),
        ("--data.bias_norm=-1", "--data.bias_norm|-1"),
        ("--data.shared_fraction=1.5", "--data.shared_fraction|1.5"),
        ("--data.shared_fraction=.nan", "--data.shared_fraction|nan"),
        ("--data.batch_size=0", "--data.batch_size|0"),
        ("--data.batch_size=true", "--data.batch_size|true"),
        ("--data.samples_per_epoch=0", "samples_per_epoch"),
        ("--data.validation_samples=0", "validation_samples"),
        ("--data.seed=-1", "--data.seed|-1"),
        ("--data.seed=zero", "--data.seed|'zero'"),
        ("--data.normalize=meannorm", "--data.normalize|did you mean 'mean_norm'"),
        ("--data.rotate=maybe", "--data.rotate|'maybe'"),
        ("--model.lr=0", "--model.lr|0"),
        ("--model.lr=-1", "--model.lr|-1"),
        ("--model.lr=.nan", "--model.lr|nan"),
        ("--model.lr=.inf", "--model.lr|inf"),
        ("--model.lr=quick", "--model.lr|'quick'"),
        ("--model.betas=[0.9]", "--model.betas|[0.9]"),
        ("--model.betas=[0.9,1.5]", "betas|1.5"),
        ("--model.warmup_fraction=2", "--model.warmup_fraction|2"),
        ("--model.decay_fraction=-0.1", "--model.decay_fraction|-0.1"),
        ("--model.saes.a.d_sae=0", "--model.saes.a.d_sae|0"),
        ("--model.saes.b.d_sae=-4", "--model.saes.b.d_sae|'b'|-4"),
        ("--model.saes.a.l1_coefficient=-1", "--model.saes.a.l1_coefficient|-1"),
        ("--model.saes.a.l1_coefficient=.nan", "--model.saes.a.l1_coefficient|nan"),
        ("--model.defaults.l1_coefficient=.nan", "l1_coefficient|nan"),
        ("--model.defaults.d_sae=0", "--model.defaults.d_sae|0"),
        ("--model.saes.a=TopKSAE --model.saes.a.k=0", "--model.saes.a.k|0"),
        ("--model.saes.a=TopKSAE --model.saes.a.k=65", "--model.saes.a.k|65"),
        ("--model.saes.a=MatryoshkaSAE --model.saes.a.group_sizes=[]", "--model.saes.a.group_sizes|[]"),
        ("--model.saes.a=MatryoshkaSAE --model.saes.a.group_sizes=[1,2]", "group_sizes"),
        ("--model.seeds.a=1.5", "--model.seeds.a|1.5"),
        ("--trainer.max_epochs=1.5", "--trainer.max_epochs|1.5"),
        ("--trainer.max_epochs=-2", "--trainer.max_epochs|-2"),
        ("--trainer.max_epochs=many", "--trainer.max_epochs|'many'"),
        ("--trainer.check_val_every_n_epoch=0", "--trainer.check_val_every_n_epoch|0"),
        ("--trainer.accumulate_grad_batches=0", "--trainer.accumulate_grad_batches|0"),
        ("--trainer.gradient_clip_val=-1", "--trainer.gradient_clip_val|-1"),
        ("--trainer.gradient_clip_val=.nan", "--trainer.gradient_clip_val|nan"),
        ("--trainer.gradient_clip_algorithm=value", "--trainer.gradient_clip_algorithm|value"),
        ("--trainer.limit_val_batches=-1", "--trainer.limit_val_batches|-1"),
        ("--trainer.log_every_n_steps=-1", "--trainer.log_every_n_steps|-1"),
        ("--trainer.precision=12", "--trainer.precision|12"),
        ("--trainer.precision=bf16-mix", "--trainer.precision|bf16-mix"),
        ("--trainer.devices=0", "devices"),
        ("--trainer.accelerator=gpux", "--trainer.accelerator|gpux"),
        ("--trainer.strategy=dpp", "--trainer.strategy|dpp"),
        ("--seed_everything=soon", "--seed_everything|'soon'"),
        ("--seed_everything=-5", "-5"),
    ],
)

NAMES = of_options(
    "name",
    [
        ("--trainer.acelerator=cpu", "--trainer.acelerator|did you mean 'accelerator'"),
        ("--trainr.max_epochs=2", "'trainr'|did you mean 'trainer'"),
        ("--modle.lr=2", "'modle'|did you mean 'model'"),
        ("--data.batchsize=4", "--data.batchsize|did you mean 'batch_size'"),
        ("--data.init_args.batchsize=4", "--data.init_args.batchsize|did you mean 'batch_size'"),
        ("--model.saes.a.d_sea=3", "--model.saes.a.d_sea|did you mean 'd_sae'"),
        ("--model.defaults.l1=3", "--model.defaults.l1|did you mean 'l1_coefficient'"),
        ("--model.saes.c.d_sae=3", "saes.c|class_path is missing"),
        ("--model.saes.a.class_path=TopK", "--model.saes.a.class_path|'TopK'|did you mean 'TopKSAE'"),
        ("--model.saes.a=saesim_pl.saes.NoSuchSAE", "--model.saes.a|NoSuchSAE"),
        ("--model.saes.a=nowhere.OwnSAE", "--model.saes.a|nowhere"),
        ("--model.saes.a=os.system", "--model.saes.a|os.system"),
        ("--model.saes.a=subprocess.Popen", "--model.saes.a|subprocess.Popen"),
        ("--model.saes.a=saesim_pl.saes.SparseAutoencoder", "--model.saes.a|abstract"),
        ("--model.saes.a=saesim_pl.truth.LinearRates", "--model.saes.a|LinearRates"),
        ("--model.saes.a=torch.nn.Linear", "--model.saes.a|torch.nn.Linear"),
        ("--model.saes.a=tests.test_checkpoint.makes_an_sae", "--model.saes.a|makes_an_sae"),
        ("--model.saes.truth=TopKSAE --model.saes.truth.d_sae=4 --model.reads.truth=a", "'truth'"),
        ("--model.reads.a=c", "'a' reads stream 'c'"),
        ("--model.reads.z=a", "--model.reads.z|'z'"),
        ("--model.seeds.z=3", "--model.seeds.z|'z'"),
        ("--model.streams.a=3", "streams come from the data"),
        ("--model=os.system", "--model|os.system"),
        ("--model=Cohort", "--model|did you mean 'SAECohort'"),
        ("--data=builtins.open", "--data|builtins.open"),
        ("--data=Synthetic", "--data|'Synthetic'"),
        ("--data.directions=os.getcwd", "--data.directions|os.getcwd"),
        ("--data.rates=ZipRates", "--data.rates|did you mean 'ZipfRates'"),
        ("--data.rates=ZipfRates --data.rates.highest=0.1 --data.rates.lowest=0.2", "highest|0.1|0.2"),
        ("--data.magnitudes=LinearRates", "--data.magnitudes|LinearRates"),
        (
            "--data.hierarchy=Trees --data.hierarchy.n_roots=0 --data.hierarchy.branching=2",
            "hierarchy.n_roots|0",
        ),
        ("--data.hierarchy=Trees", "--data.hierarchy|needs"),
        ("--data.dependence=OneOfGroup", "no groups"),
        ("--data.dependence=OneOfGroup --data.dependence.n_groups=0", "--data.dependence.n_groups|0"),
        ("--data.stream_names=[]", "stream_names"),
        ("--data.stream_names=[a,a]", "stream_names"),
        ("--data.stream_names=[a,b,../../esc]", "stream_names|../../esc"),
        ("--data.stream_names=[a,b,'']", "stream_names|''"),
        ("--data.stream_names=[a,b,truth]", "stream_names|truth"),
        ("--data.stream_names=[c,d]", "'c', 'd'"),
        ("--data.stream_names=a", "--data.stream_names|'a'"),
        ("--trainer.callbacks+=os.getcwd", "callbacks|os.getcwd"),
        ("--trainer.callbacks+=Auxk", "did you mean 'AuxK'"),
        ("--trainer.callbacks+=AuxK --trainer.callbacks.k_aux=0", "--trainer.callbacks.k_aux|0"),
        (
            "--trainer.callbacks+=AuxK --trainer.callbacks.kaux=3",
            "--trainer.callbacks.kaux|did you mean 'k_aux'",
        ),
        ("--trainer.callbacks+=UnitNormDecoder --trainer.callbacks.saes=[q]", "--trainer.callbacks.saes|'q'"),
        ("--trainer.callbacks+=UnitNormDecoder --trainer.callbacks.saes=[]", "saes"),
        ("--trainer.callbacks+=SamplePrefixes", "SamplePrefixes"),
        ("--trainer.logger=NoLogger", "--trainer.logger|NoLogger"),
        ("--trainer.profiler=os.system", "--trainer.profiler"),
        ("--trainer.plugins=os.system", "os.system"),
        ("--config=nowhere.yaml", "nowhere.yaml"),
        ("--config={folder}", "is no file"),
        ("--config=", "--config"),
        ("--config", "--config needs a value"),
        ("--model.lr", "--model.lr needs a value"),
        ("model.lr=3", "'model.lr=3'"),
        ("-x 3", "'-x'"),
        ("--=3", "'--=3'"),
        ("--model..lr=3", "--model..lr"),
        ("--trainer.callbacks+.k=3", "--trainer.callbacks+.k"),
        ("--model.help=x.y.Z", "--model.help|x.y.Z"),
        ("--trainr.help", "--trainr.help"),
    ],
)

CHECKPOINTS = [
    *of_options(
        "checkpoint",
        [
            ("--ckpt_path=nowhere.ckpt", "nowhere.ckpt"),
            ("--ckpt_path={folder}", "no such checkpoint"),
            ("--ckpt_path=best", "best"),
            ("--ckpt_path=", "--ckpt_path"),
            ("--ckpt_path={folder}/empty.ckpt", "empty.ckpt"),
            ("--ckpt_path={folder}/text.ckpt", "text.ckpt"),
            ("--ckpt_path={folder}/dict.ckpt", "dict.ckpt|state_dict"),
            ("--ckpt_path={folder}/cut.ckpt", "cut.ckpt|damaged"),
            ("--ckpt_path={folder}/code.ckpt", "code.ckpt|more than weights and plain data"),
            ("--ckpt_path={folder}/sae.safetensors", "sae.safetensors|is no checkpoint"),
            ("--ckpt_path={folder}/weights.ckpt", "weights.ckpt"),
            ("--ckpt_path={folder}/nan.ckpt", "saes.a.W_dec|NaN"),
            ("--ckpt_path={folder}/good.ckpt --model.saes.b.d_sae=8", "saes.b|(8,"),
            (
                "--ckpt_path={folder}/good.ckpt --model.saes.c=TopKSAE --model.saes.c.d_sae=8 "
                "--model.reads.c=a",
                "saes.c",
            ),
            ("--ckpt_path={folder}/good.ckpt --data.normalize=row_norm", "normalize|row_norm"),
        ],
    ),
    *of_options(
        "validate", [("--trainer.max_epochs=1", "--ckpt_path"), ("--ckpt_path=last", "last")], "validate"
    ),
    *of_options("test", [("--trainer.max_epochs=1", "--ckpt_path"), ("--ckpt_path=last", "last")], "test"),
]

DATA = [
    *of_options(
        "cache",
        [
            ("--data=CachedActivations", "--data|needs folder"),
            ("--data=CachedActivations --data.folder={folder}/nowhere", "nowhere|saesim predict"),
            ("--data=CachedActivations --data.folder={folder}/empty", "empty"),
            ("--data=CachedActivations --data.folder={folder}/cache", "manifest.json"),
            ("--data=SynthSAEBenchActivations --data.folder={folder}/nowhere", "nowhere"),
            ("--data=TextContexts", ""),
        ],
    ),
    *[
        Row(
            f"predict {i}",
            ("predict", f"--config={ROOT}/configs/experiments/smollm2_cache.yaml", *words),
            says,
        )
        for i, (words, says) in enumerate(
            [
                (("--model.model=./nope",), ("./nope",)),
                (("--model.hooks=[]",), ("hooks",)),
                (("--model.hooks=[a,a]",), ("hooks", "'a'")),
                (("--data.context_size=1",), ("--data.context_size", "1")),
                (("--data.batch_size=0",), ("--data.batch_size", "0")),
                (("--data.model=other",), ("model",)),
                (("--model.hook=[a]",), ("did you mean 'hooks'",)),
                (("--trainer.callbacks.shard_mb=0",), ("shard_mb", "0")),
                (
                    ("--trainer.accelerator=cpu", "--data.text=./nope.txt", "--model.model={folder}/empty"),
                    ("empty", "cannot be loaded"),
                ),
            ]
        )
    ],
]

COMMANDS = [
    Row("command 0", ("fti",), ("'fti'", "did you mean 'fit'")),
    Row("command 1", ("--config", "x.yaml", "fit"), ("--config",)),
    Row("command 2", ("fit",), ("no model is given",)),
    Row("command 3", ("fit", "--model=SAECohort"), ("--model", "needs saes")),
    Row("command 4", ("fit", *BASE, "--data=null"), ("--data",)),
    Row("command 5", ("fit", f"--config={ROOT}/configs/base.yaml"), ("no model is given",)),
    Row("command 6", ("fit", f"--config={ROOT}/configs/saes/top_k.yaml"), ("no data is given",)),
]

ROWS: list[Row] = [*YAML, *NUMBERS, *NAMES, *CHECKPOINTS, *DATA, *COMMANDS]
"""All of them; a new subcommand appends its own."""

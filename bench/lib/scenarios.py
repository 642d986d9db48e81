"""The scenarios: inputs, what every subject runs, what the raw tools need for the same bytes, and the goal."""
import os
import random
import shutil
import subprocess

from lib import measure, subjects

INPUTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'inputs')


class Sizes:
    """How large the inputs are; the short ones only show that everything runs."""

    def __init__(self, short):
        self.files = 500 if short else 50_000
        self.file = '8M' if short else '1G'
        self.runs = 3 if short else 20
        self.layers = 2 if short else 7
        self.layer_files = 20 if short else 1500
        self.layer_random = 1 << 20 if short else 64 << 20
        self.push = 1 << 20 if short else 50 << 20
        self.short = short


class Scenario:
    """One row. `goal` has what must not be passed: seconds of wall and CPU time, bytes of memory, or a multiple of the limit."""
    name = ''
    text = ''
    goal = {}
    times = 1  # samples for each run that is asked for: more where a sample takes milliseconds
    memory = 0  # bytes that a sample fills: files it writes, or reads for the first time

    def __init__(self, bench):
        self.bench = bench
        self.path = bench.directory(self.name)

    def dockerfile(self, text, directory=None):
        directory = directory or self.path
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, 'Dockerfile'), 'w') as file:
            file.write(text)
        return directory

    def output(self, subject):
        path = os.path.join(self.bench.work, f'{self.name}-{subject.name}.tar')
        if os.path.exists(path):
            os.unlink(path)
        return path

    def setup(self):
        """Makes the inputs, once."""

    def prepare(self, subject):
        """Before each measured run of `subject` (None = the raw tools)."""

    def command(self, subject):
        raise NotImplementedError

    def limit(self):
        """The raw tools' command; None when they are not installed."""
        return None

    def others(self):
        """Commands of further tools for the same task, by name."""
        return {}

    def settle(self):
        measure.settle(0 if self.bench.sizes.short else self.memory)

    def sample(self, subject):
        """One measured run."""
        self.bench.alone(subject)
        self.prepare(subject)
        self.settle()
        if subject is None:
            command = self.limit()
            return None if command is None else self.bench.run(command)
        return self.bench.run(self.command(subject), subject)


def busybox_layer(directory):
    os.makedirs(os.path.join(directory, 'root/bin'), exist_ok=True)
    shutil.copy(shutil.which('busybox'), os.path.join(directory, 'root/bin/busybox'))
    if not os.path.lexists(os.path.join(directory, 'root/bin/sh')):
        os.symlink('busybox', os.path.join(directory, 'root/bin/sh'))
        os.symlink('busybox', os.path.join(directory, 'root/bin/sleep'))


class Cached(Scenario):
    """Measured when a first build, which is not, has filled the cache."""

    def prepare(self, subject):
        if subject is not None and (self.name, subject) not in self.bench.warm:
            self.bench.run(self.command(subject), subject)
            self.bench.warm.add((self.name, subject))


class Noop(Cached):
    name = 'noop'
    text = 'fully cached, 12 steps, small context'
    goal = {'wall': 0.010}
    times = 3

    def setup(self):
        busybox_layer(self.path)
        for number in range(4):
            with open(os.path.join(self.path, f'file{number}'), 'w') as file:
                file.write(f'{number}\n')
        self.dockerfile('FROM scratch\nCOPY root/ /\nENV A=b\nWORKDIR /srv\n' + ''.join(f'COPY file{n} /srv/\nRUN echo {n} > /srv/out{n}\n' for n in range(4)) +
                        'EXPOSE 80\nCMD ["/bin/sh"]\n')

    def command(self, subject):
        return subject.build(self.path, tag='bench-noop')

    def limit(self):
        return [shutil.which('busybox'), 'true']


class NoopBigContext(Cached):
    name = 'noop-bigctx'
    text = 'fully cached, COPY . /app of all files'
    goal = {'wall': 0.12}
    times = 3

    def setup(self):
        self.context = self.bench.big_context()

    def command(self, subject):
        return subject.build(self.context, tag='bench-bigctx')

    def limit(self):
        return ['find', self.context, '-newermt', '2100-01-01']


class BigContextOneFile(NoopBigContext):
    name = 'bigctx-1file'
    text = 'one file changed, layer made anew, into the image store'
    goal = {'wall': 0.9, 'rss': 96 << 20}
    times = 1
    memory = 1 << 30

    def prepare(self, subject):
        super().prepare(subject)
        with open(os.path.join(self.context, 'changing.txt'), 'w') as file:
            file.write(f'{random.random()}\n')

    def limit(self):
        return f'tar -C {self.context} -c . | igzip -1 > {self.path}/out' if subjects.installed('igzip') else None


class BigContextCold(Scenario):
    text = 'all files to an OCI archive, nothing cached'
    compression = 'gzip'
    name = 'bigctx-cold-gzip'
    goal = {'ratio': 1.3, 'rss': 96 << 20}
    memory = 1 << 30

    def setup(self):
        self.context = self.bench.big_context()

    def prepare(self, subject):
        if subject is not None:
            subject.forget()

    def command(self, subject):
        return subject.build(self.context, output=self.output(subject), compression=self.compression)

    def limit(self):
        tool = {'gzip': 'igzip -1 -c', 'zstd': 'zstd -q -1 -T2 -c'}[self.compression]
        return f'{self.packed_by(tool)} > {self.path}/out' if subjects.installed(tool.split()[0]) else None

    def packed_by(self, tool):
        return f'tar -C {self.context} -c . | {tool}'


class AtLevel3:
    """The limit is zstd -1; the layers of builder, and those of BuildKit, are about as small as zstd -3 makes them."""

    def others(self):
        return {'zstd -3 -T2': f'{self.packed_by("zstd -q -3 -T2 -c")} > {self.path}/out'} if subjects.installed('zstd') else {}


class BigContextColdZstd(AtLevel3, BigContextCold):
    name = 'bigctx-cold-zstd'
    compression = 'zstd'


class BigFile(BigContextCold):
    text = 'one file, half compressible, to an OCI archive'
    name = 'bigfile-gzip'
    goal = {'ratio': 1.1, 'rss': 64 << 20}
    memory = 4 << 30

    def setup(self):
        self.context = self.bench.big_file_context()

    def packed_by(self, tool):
        return f'{tool} {self.context}/data'


class BigFileZstd(AtLevel3, BigFile):
    name = 'bigfile-zstd'
    compression = 'zstd'


class Runs(Scenario):
    name = 'runs'
    text = 'per trivial RUN step'
    goal = {'wall': 0.008}

    def setup(self):
        busybox_layer(self.path)
        shutil.copytree(os.path.join(self.path, 'root'), os.path.join(self.path, 'one/root'), symlinks=True)
        steps = self.bench.sizes.runs
        self.many = self.dockerfile('FROM scratch\nCOPY root/ /\n' + ''.join(f'RUN echo {n} > /out{n}\n' for n in range(steps + 1)))
        self.one = self.dockerfile('FROM scratch\nCOPY root/ /\nRUN echo 0 > /out0\n', os.path.join(self.path, 'one'))

    def sample(self, subject):
        self.bench.alone(subject)
        steps = self.bench.sizes.runs
        if subject is None:
            each = 'unshare --mount --pid --fork --ipc --uts --net true; '
            cost = self.bench.run(each * steps)
            return measure.Sample(cost.wall / steps, cost.cpu / steps, cost.rss)
        if (self.name, subject) not in self.bench.warm:
            self.bench.run(subject.build(self.one), subject)
            self.bench.warm.add((self.name, subject))
        one = self.bench.run(subject.build(self.one, no_cache=True), subject)
        many = self.bench.run(subject.build(self.many, no_cache=True), subject)
        return measure.Sample((many.wall - one.wall) / steps, (many.cpu - one.cpu) / steps, many.rss)


class Parallel(Scenario):
    name = 'parallel'
    text = '8 stages of sleep 1, joined'
    goal = {'wall': 1.06}

    def setup(self):
        busybox_layer(self.path)
        stages = ''.join(f'FROM base AS s{n}\nRUN sleep 1; echo {n} > /out{n}\n' for n in range(8))
        self.dockerfile('FROM scratch AS base\nCOPY root/ /\n' + stages + 'FROM scratch\n' + ''.join(f'COPY --from=s{n} /out{n} /\n' for n in range(8)))

    def command(self, subject):
        return subject.build(self.path, no_cache=True)

    def limit(self):
        return ['sleep', '1']


class OneByte(Scenario):
    name = 'one-byte'
    text = 'FROM scratch, COPY of one byte, OCI archive'
    goal = {'wall': 0.012}
    times = 3

    def setup(self):
        self.dockerfile('FROM scratch\nCOPY byte /\n')

    def prepare(self, subject):
        with open(os.path.join(self.path, 'byte'), 'wb') as file:
            file.write(random.randbytes(1))

    def command(self, subject):
        return subject.build(self.path, output=self.output(subject), no_cache=True)


class Pull(Scenario):
    name = 'pull'
    text = 'image from a registry on loopback, unpacked'
    goal = {'wall': 2.5, 'cpu': 3.5, 'rss': 96 << 20}
    memory = 4 << 30

    def setup(self):
        self.reference = self.bench.base_image()

    def prepare(self, subject):
        self.out = os.path.join(self.path, f'out{random.randrange(1 << 40)}')
        os.mkdir(self.out)
        if subject is not None:
            subject.forget()

    def command(self, subject):
        return subject.pull(self.reference, self.path)

    def limit(self):
        if not subjects.installed('igzip', 'curl'):
            return None
        base = f'http://{self.bench.registry.host}/v2/bench/base/blobs'
        return ' && '.join(f'curl -s {base}/{digest} | igzip -d -c | tar -x -C {self.out}' for digest in self.bench.base_layers())

    def others(self):
        new = f'{self.path}/other{random.randrange(1 << 40)}'
        tools = {'skopeo': ['skopeo', 'copy', '-q', '--src-tls-verify=false', f'docker://{self.reference}', f'oci:{new}'],
                 'podman': [*podman(new, self.bench.work + '/r'), 'pull', '-q', '--tls-verify=false', self.reference]}
        return {f'{tool} {"copy" if tool == "skopeo" else "pull"}': command for tool, command in tools.items() if subjects.installed(tool)}


def podman(directory, run):
    return ['podman', '--root', f'{directory}/root', '--runroot', run, '--storage-driver', 'overlay']


class BuildPush(Scenario):
    name = 'build-push'
    text = '5 new layers onto that image, pushed'
    goal = {'wall': 1.2, 'cpu': 2.0}
    memory = 2 << 30

    def setup(self):
        self.reference = self.bench.base_image()
        for number in range(5):
            path = os.path.join(self.path, f'part{number}')
            subprocess.run([INPUTS, 'bigfile', path, '--size', str(self.bench.sizes.push), '--seed', str(number + 10)], check=True)
        self.dockerfile(f'FROM {self.reference}\n' + ''.join(f'COPY part{n} /parts/\n' for n in range(5)))

    def prepare(self, subject):
        for number in range(5):
            with open(os.path.join(self.path, f'part{number}'), 'r+b') as file:
                file.write(random.randbytes(64))
        if subject is not None and (self.name, subject) not in self.bench.warm:
            self.bench.run(subject.pull(self.reference, self.bench.directory('warm')), subject)
            self.bench.warm.add((self.name, subject))

    def command(self, subject):
        return subject.build(self.path, tag=f'{self.bench.registry.host}/bench/pushed-{subject.name}:latest', push=True)

    def limit(self):
        if not subjects.installed('igzip', 'curl'):
            return None
        upload = f'http://{self.bench.registry.host}/v2/bench/raw/blobs/uploads/'
        one = ('igzip -1 -c {part} > {out} && place=$(curl -sS -X POST -D - -o /dev/null {upload} | tr -d "\\r" | sed -n "s/^Location: //p") && '
               'curl -sS -o /dev/null -X PUT -T {out} "$place&digest=sha256:$(sha256sum {out} | cut -d" " -f1)"')
        return ' && '.join(one.format(part=f'{self.path}/part{n}', out=f'{self.path}/raw{n}', upload=upload) for n in range(5))

    def others(self):
        """Five layers of that size, packed before, under a name that is new each time."""
        if not subjects.installed('skopeo'):
            return {}
        layout, target = f'{self.path}/layout', f'{self.bench.registry.host}/bench/copied-{random.randrange(1 << 40)}:latest'
        if not os.path.exists(layout):
            new = self.dockerfile('FROM scratch\n' + ''.join(f'COPY part{n} /parts/\n' for n in range(5)), f'{self.path}/new')
            for number in range(5):
                shutil.copy(f'{self.path}/part{number}', new)
            builder = self.bench.subjects[0]
            self.bench.run([*builder.build(new)[:-1], '--output', f'type=oci,tar=false,dest={layout}', new], builder)
        return {'skopeo copy (packed before)': ['skopeo', 'copy', '-q', '--dest-tls-verify=false', f'oci:{layout}', f'docker://{target}']}


ALL = [Noop, NoopBigContext, BigContextOneFile, BigContextCold, BigContextColdZstd, BigFile, BigFileZstd, Runs, Parallel, OneByte, Pull, BuildPush]

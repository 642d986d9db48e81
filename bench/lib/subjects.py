"""The programs that are compared: builder, a Docker engine with BuildKit, buildah. Each knows how to build, pull and forget."""
import os
import shutil
import signal
import subprocess


class Buildx:
    """What takes the options of `docker buildx build`, after the words of `build_command`."""

    def build(self, context, *, output=None, compression=None, no_cache=False, tag=None, push=False):
        command = list(self.build_command)
        if no_cache:
            command.append('--no-cache')
        if tag:
            command += ['-t', tag]
        if push:
            command.append('--push')
        if output:
            command += ['--output', f'type=oci,dest={output}' + (f',compression={compression}' if compression else '')]
        return command + [context]


class Builder(Buildx):
    name = 'builder'
    daemons = ()

    def __init__(self, program, work):
        self.program = os.path.abspath(program)
        self.build_command = [self.program, 'build', '--progress=plain']
        self.work = work
        self.stores = 0
        self.forget()

    def forget(self):
        """A store in which nothing is. The old one stays on disk until the end: deleting much slows down what comes next."""
        self.stores += 1
        self.root = os.path.join(self.work, f'builder-store-{self.stores}')
        self.env = {**os.environ, 'BUILDER_ROOT': self.root}

    def pull(self, reference, context):
        """A step that runs on the image: all its layers are fetched and unpacked."""
        with open(os.path.join(context, 'Dockerfile'), 'w') as file:
            file.write(f'FROM {reference}\nRUN ["/bin/busybox", "true"]\n')
        return [*self.build_command, '--output=type=cacheonly', context]


class Docker(Buildx):
    """The engine of shared/reference/reference.sh, in the folder `reference`, which must be running."""
    name = 'docker'
    build_command = ['docker', 'buildx', 'build', '--network=host', '--provenance=false', '--progress=plain']

    def __init__(self, reference):
        self.env = {**os.environ, 'DOCKER_HOST': f'unix://{reference}/root/run/reference/docker.sock', 'DOCKER_CONFIG': f'{reference}/config'}
        self.daemons = []
        for daemon in ('dockerd', 'containerd'):
            with open(f'{reference}/{daemon}.pid') as file:
                self.daemons.append(int(file.read()))
        self.resume()
        subprocess.run(['docker', 'version'], env=self.env, check=True, stdout=subprocess.DEVNULL)

    def pause(self):
        """Not a running daemon's work is to be measured with others'. Who finds it stopped: kill -CONT, or `resume`."""
        for daemon in self.daemons:
            os.kill(daemon, signal.SIGSTOP)

    def resume(self):
        for daemon in self.daemons:
            os.kill(daemon, signal.SIGCONT)

    def close(self):
        self.resume()

    def forget(self):
        subprocess.run(['docker', 'builder', 'prune', '-af'], env=self.env, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(['docker', 'image', 'prune', '-af'], env=self.env, check=True, stdout=subprocess.DEVNULL)

    def pull(self, reference, context):
        return ['docker', 'pull', '-q', reference]


class Buildah:
    """buildah of the same folder; it sees the work directory at the same path."""
    name = 'buildah'
    daemons = ()

    def __init__(self, reference, work):
        self.system = f'{reference}/root'
        self.inside = self.system + work
        os.makedirs(self.inside, exist_ok=True)
        subprocess.run(['mount', '--bind', work, self.inside], check=True)
        self.env = os.environ
        self.chroot = ['chroot', self.system, 'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root']
        subprocess.run(self._command('--version'), check=True, stdout=subprocess.DEVNULL)

    def close(self):
        subprocess.run(['umount', self.inside], check=False)

    def _command(self, *arguments):
        return [*self.chroot, 'buildah', *arguments]

    def forget(self):
        subprocess.run(self._command('rmi', '-af'), check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def build(self, context, *, output=None, compression=None, no_cache=False, tag=None, push=False):
        name = tag or 'bench'
        command = self._command('build', '--layers', '--network=host', '--tls-verify=false', '-t', name)
        if no_cache:
            command.append('--no-cache')
        command.append(context)
        target = f'docker://{tag}' if push else f'oci-archive:{output}' if output else None
        if target is None:
            return command
        send = self._command('push', '-q', '--tls-verify=false', *(['--compression-format', compression] if compression else []), name, target)
        return ' '.join(command) + ' && rm -f ' + (output or '/nonexistent') + ' && ' + ' '.join(send)

    def pull(self, reference, context):
        return self._command('pull', '-q', '--tls-verify=false', reference)


def installed(*programs):
    return all(shutil.which(program) for program in programs)

"""Where the bench works: a fresh ext4 in a file when there are rights to mount it, and a registry on loopback."""
import os
import shutil
import socket
import subprocess
import tempfile
import time


class Place:
    """A directory `path`. As root it is a fresh file system with a journal, since an old one's state decides how fast files appear."""

    def __init__(self, parent=None, size='40G'):
        self._outer = tempfile.mkdtemp(prefix='builder-bench-', dir=parent)
        self.path = os.path.join(self._outer, 'work')
        os.mkdir(self.path)
        self.fresh = False
        if os.geteuid() == 0:
            image = os.path.join(self._outer, 'disk')
            subprocess.run(['truncate', '-s', size, image], check=True)
            subprocess.run(['mkfs.ext4', '-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', '-O', 'has_journal', image], check=True)
            self.fresh = self._mount(image)

    def _mount(self, image):
        # Direct: what is flushed goes to the disk once. Else the loop device copies it into the page cache of the file beneath, and writes that.
        for options in ['--direct-io=on'], []:
            attached = subprocess.run(['losetup', *options, '--show', '--find', image], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            if attached.returncode == 0:
                break
        else:
            return False
        self._device = attached.stdout.strip()
        if subprocess.run(['mount', self._device, self.path], stderr=subprocess.DEVNULL).returncode == 0:
            return True
        subprocess.run(['losetup', '--detach', self._device], check=False)
        return False

    def close(self):
        if self.fresh:
            subprocess.run(['umount', self.path], check=True)
            subprocess.run(['losetup', '--detach', self._device], check=True)
            os.unlink(os.path.join(self._outer, 'disk'))
        shutil.rmtree(self._outer, ignore_errors=True)


class Registry:
    """Debian's docker-registry on a free port of loopback, with its data in `directory`."""

    def __init__(self, directory):
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        os.makedirs(directory)
        config = os.path.join(directory, 'config.yml')
        with open(config, 'w') as file:
            file.write(f'version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {directory}/data}}, delete: {{enabled: true}}}}\n'
                       f'http: {{addr: "127.0.0.1:{self.port}"}}\n')
        self._process = subprocess.Popen(['docker-registry', 'serve', config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.host = f'127.0.0.1:{self.port}'
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(('127.0.0.1', self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError('docker-registry does not start')

    def close(self):
        self._process.terminate()
        self._process.wait()

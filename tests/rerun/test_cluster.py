"""Where runs are computed: checked before anything is started."""

import pytest

from latentomics.rerun.cluster import open_client, read_profile, slurm_cluster

PROFILE = """
jobs = 0
cores = 2
memory = "4GB"
queue = "short"
walltime = "01:00:00"
job_script_prologue = ["module load python"]
"""


def test_local_workers_have_one_thread_each(client):
    workers = client.scheduler_info()["workers"]
    assert [w["nthreads"] for w in workers.values()] == [1, 1]
    told = client.run(lambda: __import__("os").environ["OMP_NUM_THREADS"])
    assert set(told.values()) == {"1"}


def test_dashboard_is_on_this_machine_only(client):
    assert client.dashboard_link.startswith("http://127.0.0.1:")


def test_running_scheduler_is_used_and_left_running(client):
    with open_client(scheduler=client.scheduler.address) as other:
        assert other.submit(int, "7").result() == 7
    assert client.submit(int, "8").result() == 8


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"workers": 0}, "--workers must be at least 1; got 0"),
        ({"workers": 1, "scheduler": "tcp://x:1"}, "give one of --workers"),
        ({"scheduler": "nonsense://x"}, "no Dask scheduler answers at nonsense"),
        ({"slurm": "absent.toml"}, "there is no SLURM profile absent.toml"),
    ],
)
def test_bad_choice_is_one_sentence(choice, message):
    with pytest.raises(ValueError, match=message), open_client(**choice):
        pass


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cores = 2", "must set jobs, memory"),
        ("jobs = ", "is no valid TOML"),
        ('jobs = 1\ncores = 4\nmemory = "1GB"\nprocesses = 2', "must equal cores"),
    ],
)
def test_bad_profile_is_one_sentence(tmp_path, text, message):
    path = tmp_path / "slurm.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_profile(path)


def test_profile_becomes_a_job_script(tmp_path):
    path = tmp_path / "slurm.toml"
    path.write_text(PROFILE)
    with slurm_cluster(path) as cluster:
        script = cluster.job_script()
    assert "#SBATCH -p short" in script
    assert "#SBATCH -t 01:00:00" in script
    assert "--nworkers 2" in script
    assert "--nthreads 1" in script
    assert script.index("OMP_NUM_THREADS=1") < script.index("module load python")

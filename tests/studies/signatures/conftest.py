"""A small made world of two domains, for whoever needs one."""

import numpy as np
import pandas as pd
import pytest

from latentomics.signatures.channels import CHANNELS
from latentomics.studies.signatures.simulate import PROCESSES, planted_domains


@pytest.fixture
def made_world(rng):
    names = [*PROCESSES]
    table = pd.DataFrame(rng.dirichlet(np.full(96, 0.1), len(names)), names, CHANNELS)
    return planted_domains(table, n_lines=8, n_patients=6, n_parents=4)

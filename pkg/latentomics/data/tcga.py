"""TCGA (The Cancer Genome Atlas): mutations of tumours, and labels of DNA repair."""

import pandas as pd

from latentomics.checks import check_choice
from latentomics.data.fetch import fetch_file
from latentomics.data.sbs96 import align_channels

BARCODE = 15  # characters that identify person and kind of sample
PERSON = 12
# Code in a barcode -> kind of sample
SAMPLE_KINDS = {
    "01": "primary tumour",
    "02": "recurrent tumour",
    "03": "primary blood cancer",
    "05": "additional primary tumour",
    "06": "metastasis",
    "10": "normal blood",
    "11": "normal tissue",
}
# Types as the TCGA table names them -> study. What it calls DLBC is LGG: all 452 of
# its persons with DNA-repair labels are LGG there; its lymphomas are "Lymph-BNHL".
STUDIES = {
    "AML": "LAML",
    "Adrenal-neoplasm": "ACC",
    "Biliary-AdenoCa": "CHOL",
    "Breast-cancer": "BRCA",
    "CNS-GBM": "GBM",
    "Cervix-CA": "CESC",
    "ColoRect-AdenoCa": "COREAD",
    "DLBC": "LGG",
    "Eso-AdenoCa": "ESCA",
    "Eye-Melanoma": "UVM",
    "Head-SCC": "HNSC",
    "Kidney-ChRCC": "KICH",
    "Kidney-Papillary": "KIRP",
    "Kidney-RCC": "KIRC",
    "Liver-HCC": "LIHC",
    "Lung-AdenoCa": "LUAD",
    "Lung-SCC": "LUSC",
    "Lymph-BNHL": "DLBC",
    "Mesothelium-Mesothelioma": "MESO",
    "Ovary-AdenoCa": "OV",
    "Panc-AdenoCa": "PAAD",
    "Pheochromocytoma": "PCPG",
    "Prost-AdenoCa": "PRAD",
    "Sarcoma": "SARC",
    "Skin-Melanoma": "SKCM",
    "Stomach-AdenoCa": "STAD",
    "Testis-Ca": "TGCT",
    "Thy-AdenoCa": "THCA",
    "Thymoma": "THYM",
    "Transitional-cell-carcinoma": "BLCA",
    "UCS": "UCS",
    "Uterus-AdenoCa": "UCEC",
}
MODES = {"Total deactivation": "homozygous", "Heterozygous": "heterozygous"}


def tcga_sbs96(table="counts"):
    """Return the number of mutations per channel in the exome of each tumour.

    Parameters
    ----------
    table : {"counts", "samples"}, default="counts"
        "counts": the mutations; "samples": their annotation. Same rows.

    Returns
    -------
    DataFrame of shape (9493, 96) or (9493, 5)
        Rows are tumours of TCGA: the first 15 characters of the barcode, which name
        the person and the kind of sample and are unique here.

        "counts": columns are the channels, values numbers of mutations (int), 1 to
        39,688 per tumour (median 83); none is missing.

        "samples": `cancer`, the study ("BLCA"; colon and rectum together "COREAD");
        `type`, as in the source, which writes "DLBC" for the gliomas of LGG;
        `person`, 12 characters, 9,455 of them; `kind`, "primary tumour" for 9,003;
        `barcode`, all 28 characters.

    Raises
    ------
    ValueError
        If `table` is neither.
    """
    check_choice("table", table, ("counts", "samples"))
    path = fetch_file("tcga_wes_sbs96")
    if table == "samples":
        return _tcga_samples(pd.read_csv(path, index_col=0, nrows=0).columns)
    counts = pd.read_csv(path, index_col=0)
    return align_channels(
        counts.T.set_axis(_tcga_samples(counts.columns).index), "tcga_sbs96"
    )


def _tcga_samples(names):
    """Read "Lung-AdenoCa::TCGA-05-4244-01A-01D-1105-08"."""
    type_, barcode = zip(*(name.split("::") for name in names), strict=True)
    samples = pd.DataFrame({"type": type_, "barcode": barcode})
    samples["cancer"] = samples["type"].map(STUDIES)
    samples["person"] = samples["barcode"].str[:PERSON]
    samples["kind"] = samples["barcode"].str[BARCODE - 2 : BARCODE].map(SAMPLE_KINDS)
    samples.index = pd.Index(samples["barcode"].str[:BARCODE], name="sample")
    return samples[["cancer", "type", "person", "kind", "barcode"]]


def tcga_ddr():
    """Return which DNA-repair pathways are mutated in which tumour, one per row.

    Returns
    -------
    DataFrame of shape (30265, 6)
        A row is a pathway with a mutated gene in one of 7,669 persons. Columns:

        `sample`, the first 15 characters of the barcode, which match the rows of
        "tcga_sbs96" (6,878 samples do). 49 lung tumours of the source have barcodes
        found in no other table ("TCGA-LUSC-4587-..."), and 13 rows were called in a
        blood sample (code 10);
        `person`, its first 12;
        `cancer`, the study;
        `pathway`, one of BER, DR, DS, FA, HR, MMR, NER, NHEJ, TLS;
        `mode`, "homozygous" where a gene lost both copies (the source writes "Total
        deactivation"; 1,529 rows), otherwise "heterozygous";
        `genes`, joined by commas, each with "_hom" or "_het".

        A tumour may be in several rows. 231 persons with a profile have a homozygous
        mutation in exactly one of MMR, HR and BER: 105, 93 and 33. One of the HR labels
        belongs to a blood sample, so matching by `sample` gives 92.
    """
    table = pd.read_csv(fetch_file("tcga_ddr_labels"), sep="\t", dtype=str)
    return pd.DataFrame(
        {
            "sample": table["Sample"].str[:BARCODE],
            "person": table["Person"],
            "cancer": table["Cancer"],
            "pathway": table["Pathway"],
            "mode": table["Mode"].map(MODES),
            "genes": table["Mutated_genes"],
        }
    )

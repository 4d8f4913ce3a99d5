"""How a radio turns SINR into bits: Shannon's bound with a gap, or the steps of NR's modulation and coding tables.

    name         bit/s/Hz of one layer                              nothing below
    shannon      min(log2(1 + SINR / gap), 7.4063), gap 2 dB        -7 dB
    tr36942      min(.6 log2(1 + SINR), 4.4)                        -10 dB
    mcs_table1   the best code of table 1 that gets through         -6.8 dB
    mcs_table2   the best code of table 2 that gets through         -6.8 dB

A code gets through where nine blocks of ten do. Source: TS 38.214 tables 5.1.3.1-1 and 5.1.3.1-2 (efficiencies);
the least SINR computed from the block error tables of Sionna 2.2.0 (NR's LDPC codes, 2000-bit blocks); TR 36.942
annex A (recalled).
"""

from __future__ import annotations

from typing import NamedTuple

EFFICIENCY_CAP = 7.4063  # bit/s/Hz, TS 38.214 table 5.2.2.1-3, CQI 15: 256QAM at rate 948/1024


class Modulation(NamedTuple):
    """Shannon's bound min(factor log2(1 + SINR / gap), cap), or codes as (least SINR in dB, bit/s/Hz), ascending."""

    factor: float
    gap_db: float
    cap: float
    floor_db: float
    codes: tuple[tuple[float, float], ...] = ()


LOWEST_CODES = ((-6.8, 0.234), (-4.5, 0.377))  # Shannon + .7 dB, where the block error tables have no entry
MCS_TABLE_1 = (
    *LOWEST_CODES,
    (-3.02, 0.4902), (-2.45, 0.6016), (-1.23, 0.7402), (0.43, 0.8770), (0.56, 1.0273), (2.26, 1.1758),
    (2.34, 1.3262), (2.84, 1.3281), (4.07, 1.4766), (4.49, 1.6953), (5.87, 1.9141), (6.23, 2.1602),
    (7.69, 2.4063), (7.70, 2.5703),  # code 17 needs 1 dB more and carries less: left out
    (9.74, 2.7305), (10.03, 3.0293), (11.57, 3.3223), (12.24, 3.6094), (13.37, 3.9023), (14.30, 4.2129),
    (14.84, 4.5234), (16.47, 4.8164), (17.02, 5.1152), (18.30, 5.3320), (18.97, 5.5547),
)  # fmt: skip
MCS_TABLE_2 = (
    *LOWEST_CODES,
    (-1.73, 0.6016), (-0.09, 0.8770), (1.49, 1.1758), (3.65, 1.4766), (4.65, 1.6953), (6.05, 1.9141),
    (6.23, 2.1602), (7.78, 2.4063), (8.09, 2.5703), (9.37, 2.7305), (10.55, 3.0293), (10.96, 3.3223),
    (12.71, 3.6094), (13.20, 3.9023), (14.38, 4.2129), (15.53, 4.5234), (16.02, 4.8164), (17.25, 5.1152),
    (18.51, 5.3320), (18.81, 5.5547), (19.80, 5.8906), (20.80, 6.2266), (22.13, 6.5703), (22.94, 6.9141),
    (23.88, 7.1602),
)  # fmt: skip

MODULATIONS = {
    "shannon": Modulation(1.0, 2.0, EFFICIENCY_CAP, -7.0),  # gap chosen: a little above table 2's mean of 1.7 dB
    "tr36942": Modulation(0.6, 0.0, 4.4, -10.0),
    "mcs_table1": Modulation(1.0, 0.0, MCS_TABLE_1[-1][1], MCS_TABLE_1[0][0], MCS_TABLE_1),
    "mcs_table2": Modulation(1.0, 0.0, MCS_TABLE_2[-1][1], MCS_TABLE_2[0][0], MCS_TABLE_2),
}

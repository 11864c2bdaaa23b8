//! The real loan file's marginal distributions, per mille of its users unless said otherwise.

/// Gender and car together: men own twice as many.
pub const GENDER_CAR: [((&str, &str), f64); 4] =
    [(("F", "N"), 498.0), (("M", "Y"), 208.0), (("F", "Y"), 172.0), (("M", "N"), 122.0)];

/// Owners of realty.
pub const REALTY: [(&str, f64); 2] = [("Y", 672.0), ("N", 328.0)];

/// Users without a job, who get no job's start.
pub const PENSIONERS: f64 = 0.1683;

/// Children of users with a job.
pub const CHILDREN: [(u32, f64); 9] =
    [(0, 629.0), (1, 247.0), (2, 107.0), (3, 14.0), (4, 2.0), (5, 0.6), (7, 0.1), (14, 0.1), (19, 0.05)];

/// Yearly income.
pub const INCOME: [(f64, f64); 30] = [
    (135_000.0, 118.2),
    (180_000.0, 84.9),
    (157_500.0, 84.7),
    (112_500.0, 81.1),
    (225_000.0, 80.3),
    (202_500.0, 60.1),
    (90_000.0, 48.5),
    (270_000.0, 45.9),
    (315_000.0, 27.5),
    (67_500.0, 23.9),
    (247_500.0, 23.3),
    (360_000.0, 19.4),
    (292_500.0, 16.2),
    (126_000.0, 15.5),
    (81_000.0, 13.7),
    (121_500.0, 13.5),
    (144_000.0, 12.5),
    (99_000.0, 11.4),
    (450_000.0, 10.4),
    (103_500.0, 9.3),
    (76_500.0, 8.8),
    (216_000.0, 7.9),
    (405_000.0, 7.7),
    (337_500.0, 7.6),
    (171_000.0, 6.9),
    (148_500.0, 6.5),
    (117_000.0, 6.4),
    (166_500.0, 5.5),
    (108_000.0, 5.3),
    (162_000.0, 4.8),
];

/// Kinds of income with a job.
pub const INCOME_TYPE: [(&str, f64); 4] =
    [("Working", 516.2), ("Commercial associate", 232.9), ("State servant", 81.9), ("Student", 0.3)];

/// Education.
pub const EDUCATION: [(&str, f64); 5] = [
    ("Secondary / secondary special", 679.6),
    ("Higher education", 270.6),
    ("Incomplete higher", 38.7),
    ("Lower secondary", 10.3),
    ("Academic degree", 0.9),
];

/// Family status, and the adults it means.
pub const FAMILY: [((&str, u32), f64); 5] = [
    (("Married", 2), 687.1),
    (("Single / not married", 1), 132.5),
    (("Civil marriage", 2), 80.8),
    (("Separated", 1), 57.7),
    (("Widow", 1), 42.0),
];

/// Housing.
pub const HOUSING: [(&str, f64); 6] = [
    ("House / apartment", 892.8),
    ("With parents", 48.7),
    ("Municipal apartment", 30.9),
    ("Rented apartment", 15.8),
    ("Office apartment", 7.2),
    ("Co-op apartment", 4.6),
];

/// Occupations of users with a job; the empty one is not known.
pub const OCCUPATION: [(&str, f64); 19] = [
    ("", 142.2),
    ("Laborers", 170.4),
    ("Core staff", 98.5),
    ("Sales staff", 95.6),
    ("Managers", 82.6),
    ("Drivers", 58.6),
    ("High skill tech staff", 37.9),
    ("Accountants", 34.0),
    ("Medicine staff", 33.1),
    ("Cooking staff", 18.0),
    ("Security staff", 16.2),
    ("Cleaning staff", 15.1),
    ("Private service staff", 9.4),
    ("Low-skill Laborers", 4.8),
    ("Waiters/barmen staff", 4.8),
    ("Secretaries", 4.1),
    ("HR staff", 2.3),
    ("Realty agents", 2.2),
    ("IT staff", 1.6),
];

/// Shares of users with a work phone, a phone and an email address.
pub const PHONES: [f64; 3] = [0.2255, 0.2948, 0.0897];

/// Age on the last day of loans, in years, by quantile: pensioners.
pub const AGE_PENSIONER: [(f64, f64); 11] = [
    (0.0, 21.6),
    (0.01, 38.7),
    (0.05, 50.7),
    (0.1, 53.5),
    (0.25, 56.4),
    (0.5, 59.5),
    (0.75, 62.6),
    (0.9, 64.4),
    (0.95, 65.6),
    (0.99, 66.9),
    (1.0, 68.2),
];

/// Age on the last day of loans, in years, by quantile: users with a job.
pub const AGE_EMPLOYED: [(f64, f64); 11] = [
    (0.0, 19.8),
    (0.01, 23.0),
    (0.05, 25.9),
    (0.1, 27.5),
    (0.25, 32.0),
    (0.5, 39.2),
    (0.75, 47.1),
    (0.9, 53.2),
    (0.95, 56.3),
    (0.99, 61.5),
    (1.0, 66.7),
];

/// Years on the job on the last day of loans, by quantile; below zero, the job starts later.
pub const YEARS_ON_THE_JOB: [(f64, f64); 11] = [
    (0.0, -0.66),
    (0.01, -0.41),
    (0.05, -0.08),
    (0.1, 0.41),
    (0.25, 1.96),
    (0.5, 4.74),
    (0.75, 8.89),
    (0.9, 14.7),
    (0.95, 19.9),
    (0.99, 29.4),
    (1.0, 42.3),
];

/// Loans per user, by quantile.
pub const LOANS: [(f64, f64); 11] = [
    (0.0, 1.0),
    (0.0094, 2.0),
    (0.0355, 3.0),
    (0.0974, 5.0),
    (0.235, 9.0),
    (0.5, 18.0),
    (0.74, 30.5),
    (0.895, 44.0),
    (0.945, 51.0),
    (0.989, 59.0),
    (1.0, 62.0),
];

/// The share of late loans of a user who pays late at all, by quantile.
pub const LATE_SHARE: [(f64, f64); 11] = [
    (0.0, 0.016),
    (0.01, 0.017),
    (0.05, 0.022),
    (0.1, 0.027),
    (0.25, 0.045),
    (0.5, 0.083),
    (0.75, 0.167),
    (0.9, 0.3),
    (0.95, 0.43),
    (0.99, 0.73),
    (1.0, 1.0),
];

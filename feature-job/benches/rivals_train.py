"""The data scientist's training by scikit-learn and imbalanced-learn: `rivals_train.py FEATURES.parquet` prints the seconds.

Nulls to 0, rows split 70 to 30, stratified, SMOTE on the training part, five trees without depth limit on two threads, ROC AUC
of the rest. Reading the file and loading the libraries is not counted.
"""

import sys
import time

import pandas as pd
from imblearn.over_sampling import SMOTE
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

SEED = 123
FEATURES = ["nb_previous_loans", "avg_amount_loans_previous", "age", "years_on_the_job", "flag_own_car"]

frame = pd.read_parquet(sys.argv[1], columns=[*FEATURES, "status"])
start = time.perf_counter()
rows, labels = frame[FEATURES].fillna(0), frame["status"]
train, test, train_labels, test_labels = train_test_split(
    rows, labels, test_size=0.3, stratify=labels, random_state=SEED
)
balanced, balanced_labels = SMOTE(random_state=SEED).fit_resample(train, train_labels)
forest = RandomForestClassifier(n_estimators=5, n_jobs=2, random_state=SEED).fit(balanced, balanced_labels)
scores = forest.predict_proba(test)[:, 1]
auc = roc_auc_score(test_labels, scores)
print(f"seconds {time.perf_counter() - start}\nROC AUC by rows {auc:.3f}")

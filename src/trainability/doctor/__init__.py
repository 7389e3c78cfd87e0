"""The doctor: probes measure, rules judge, remedies change, verification proves."""

from trainability.doctor.diagnose import diagnose
from trainability.doctor.diagnosis import Diagnosis
from trainability.doctor.finding import Finding
from trainability.doctor.remedy import Attempt, Remedy
from trainability.doctor.verification import Share, Verification

__all__ = ["Attempt", "Diagnosis", "Finding", "Remedy", "Share", "Verification", "diagnose"]

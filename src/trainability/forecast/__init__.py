"""Before training: what theory predicts for a user's own model, beside what one pass measures."""

from trainability.forecast.forecast import Advice as Advice
from trainability.forecast.forecast import Forecast as Forecast
from trainability.forecast.forecast import LayerForecast as LayerForecast
from trainability.forecast.predict import MAX_INPUTS as MAX_INPUTS
from trainability.forecast.predict import predict as predict

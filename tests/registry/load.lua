-- Asks a model for its answer again and again, and prints how many answers were none, or of a version that does not give
-- such an answer: the versions are 1.0.0, which adds 1, and 1.1.0, which adds 2.

local threads = {}
local adds = { ["1.0.0"] = "1", ["1.1.0"] = "2" }

wrk.method = "POST"
wrk.path = "/models/adder/predict"
wrk.headers["content-type"] = "application/json"
wrk.body = '{"x": 0}'
wrong = 0

function setup(thread)
  threads[#threads + 1] = thread
end

function response(status, _, body)
  local version, sum = body:match('"model_version":"([^"]+)"'), body:match('"y":(%-?%d+)')
  if status ~= 200 or version == nil or adds[version] ~= sum then
    wrong = wrong + 1
  end
end

function done(summary)
  local errors, unexpected = summary.errors, 0
  for _, thread in ipairs(threads) do
    unexpected = unexpected + thread:get("wrong")
  end
  local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  io.write(('{"requests": %d, "failed": %d, "wrong": %d}\n'):format(summary.requests, failed, unexpected))
end

-- Posts the rows of a file, a line of JSON each, one after the other, with the key that comes second if there is one, and
-- prints a line of JSON.

local requests, current = {}, 0

function init(arguments)
  local headers = { ["content-type"] = "application/json" }
  if arguments[2] then
    headers["authorization"] = "Bearer " .. arguments[2]
  end
  for row in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", "/predict", headers, row)
  end
end

function request()
  current = current % #requests + 1
  return requests[current]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  local line = '{"requests": %d, "failed": %d, "microseconds": %d, "median": %d, "p99": %d}\n'
  local median, p99 = latency:percentile(50), latency:percentile(99)
  io.write(line:format(summary.requests, failed, summary.duration, median, p99))
end

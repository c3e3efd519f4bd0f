-- One call of the participant, as a step makes it.
local here = debug.getinfo(1, "S").source:match("@(.*/)") or "./"
dofile(here .. "report.lua")
bad = 0
wrk.method, wrk.body = "POST", '{"order":"4711","amount":299.99}'
wrk.headers["Content-Type"] = "application/json"
wrk.path = "/reserve"

function response(status)
  if status ~= 200 then bad = bad + 1 end
end

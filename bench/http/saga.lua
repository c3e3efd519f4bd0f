-- The start of a saga as a request, the same each time; whoever loads it judges the answers.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "report.lua")
local request_text

function init()
  local body = '{"definition":"' .. os.getenv("BENCH_KIND") .. '","input":{"order":"4711","customer":"Ada",'
    .. '"amount":299.99,"items":[{"item_id":"item1","quantity":2}]}}'
  request_text = wrk.format("POST", "/api/v1/sagas?wait=30s", { ["Content-Type"] = "application/json" }, body)
end

function request() return request_text end

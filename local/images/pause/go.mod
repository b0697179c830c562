module miniapp-infra.local/images/pause

go 1.21
